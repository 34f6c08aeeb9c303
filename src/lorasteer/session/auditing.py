"""Audits made ready: who takes part, on what ground, and how the examples look to each of them; for images and for text."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lorasteer.changes import Change
from lorasteer.errors import PlanError
from lorasteer.evaluation.audit import CommonGround, Ground, Subject, attacks_of
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.probe import read_features
from lorasteer.evaluation.audit.subject import Examples
from lorasteer.export.audit_report import Picture
from lorasteer.methods import unlearn
from lorasteer.projection.basis import Basis
from lorasteer.records import Settings
from lorasteer.session.audit import BASE, Audit, Member
from lorasteer.session.text_bench import TextBench
from lorasteer.session.workbench import Workbench
from lorasteer.steer.translate import Translation
from lorasteer.tasks.activations import Inputs, Memory
from lorasteer.tasks.base import Base
from lorasteer.tasks.language.base import LanguageBase
from lorasteer.tasks.language.inputs import TextInputs
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.material import Material
from lorasteer.tasks.splits import Index, Part, Splits
from lorasteer.tasks.training import Observer

NEVER = "never trained"
SHOWN_TARGET, SHOWN_OTHERS = 120, 280
"""Examples that a picture shows at most."""
Audited = Workbench | TextBench
"""Benches whose models can be audited."""
_TOGETHER = 32  # texts that are read at once


def prepare(
    bench: Audited, translation: Translation, change: Change | None, *, suite: str = "quick", name: str | None = None,
    retrained: Sequence[Base] = (), seed: int = 0, settings: Mapping[str, Settings] | None = None,
) -> Audit:  # fmt: skip
    """An audit, ready to be estimated and run.

    Args:
        bench: Base and data.
        translation: The request with its splits.
        change: What is under test; None audits base and retrained models alone.
        suite: `quick` or `full`.
        name: What the model under test is called; its method when left out.
        retrained: Models trained without the forget set. Without any, the strongest verdicts are withheld.
        seed: Seed of everything random.
        settings: Settings of attacks by name, where they are not the attacks' own.

    Raises:
        PlanError: There is no such suite.
        WeightsError: The change was made for another base.
    """
    gold = tuple(Subject.of_base(f"retrained (seed {model.record.seed})", model) for model in retrained)
    folder = bench.cache / "audits" if bench.cache else None
    never = Subject.of_network(NEVER, never_trained(bench.base, seed))
    facts = (translation.splits, gold, (never,), change.layers if change else (), _weights(translation), seed, folder)
    ground: CommonGround = (
        TextGround(bench.base, bench.inputs, *facts) if isinstance(bench, TextBench) else Ground(bench.base, bench.inputs, *facts)
    )
    tested = [Member("unlearned", _tested(name or _called(change), bench, change))] if change else []
    controls = [
        Member("base", ground.original),
        *(Member("retrained", one) for one in gold),
        Member("never-trained", never, _NEVER),
    ]
    attacks_of(suite, ground.task)
    return Audit(ground, (*tested, *controls), suite, translation.wording, folder, settings or {})


def pictured(audit: Audit) -> tuple[Picture, ...]:
    """Some examples as each model sees them: the base, the model under test, and a retrained model.

    Of images it is what the last layer reads, of text what the middle block says of the answers, in the mean. The first two are
    seen along the base's principal axes, so that nothing but the model moves between them. A model that was trained from new
    speaks another language and is seen along its own.
    """
    ground = audit.ground
    part, index = ground.unseen
    target = ground.drawn(index, SHOWN_TARGET, "pictured target")
    rest: Examples = ("test", ground.splits.retain_test) if len(ground.splits.retain_test) else ("train", ground.splits.retain)
    others = ground.drawn(rest[1], SHOWN_OTHERS, "pictured others")
    tested = [member.subject for member in audit.members if member.role == "unlearned"]
    shown, axes = [], None
    for subject in (ground.original, *tested, *ground.retrained[:1]):
        rows = [_seen(ground, subject, *side) for side in ((part, target), (rest[0], others))]
        kin = subject.change is not None or subject.name == BASE
        axes = axes if kin and axes is not None else Basis.of(np.concatenate(rows))
        places = [[(float(x), float(y)) for x, y in axes.picture(side)] for side in rows]
        title = f"{subject.name}, along the base's axes" if kin else f"{subject.name}, along its own axes"
        shown.append(Picture(title, *places))
    return tuple(shown)


def _seen(ground: CommonGround, subject: Subject, part: Part, index: Index) -> NDArray[np.float32]:
    """What a model makes of some examples, shape [n, width]."""
    if isinstance(ground, Ground):
        last = list(read_features(ground, subject, part, index).values())[-1]
        return np.asarray(last.numpy())
    assert isinstance(ground, TextGround)
    return _answer_states(Network.of(subject.network), ground.inputs, part, index)


def _answer_states(network: Network, inputs: TextInputs, part: Part, index: Index) -> NDArray[np.float32]:
    """Mean state over each example's answer, half-way through the blocks."""
    layer, rows = (len(network.blocks) - 1) // 2, []
    with torch.no_grad():
        for start in range(0, len(index), _TOGETHER):
            tokens = inputs.tokens(part, index[start : start + _TOGETHER])
            row, states = tokens.targets[0], network.at_targets(tokens, layer=layer).float().cpu()
            total = torch.zeros(len(tokens), states.shape[1]).index_add(0, row, states)
            rows.append(total / torch.bincount(row, minlength=len(tokens))[:, None])
    return np.asarray(torch.cat(rows).numpy())


_NEVER = "the base's network with fresh random weights"


def _tested(name: str, bench: Audited, change: Change) -> Subject:
    """The model under test; one of images knows how to be made again of another base where its plan says so."""
    plan = change.record.plan
    subject = Subject.of_change(name, bench.base, change)
    if isinstance(bench, TextBench) or plan is None or plan.weights is not None or change.record.kind == "composed":
        return subject

    def again(base: Base, inputs: Inputs, splits: Splits, seed: int) -> nn.Module:
        asked = plan.model_copy(update={"splits": splits.digest, "seed": seed})
        return unlearn(Material(base, inputs, splits, Memory(base, inputs), _cannot_retrain), asked).merged(base)

    return replace(subject, again=again)


def _cannot_retrain(seed: int, observers: Sequence[Observer], checkpoint: Path | None) -> Base:
    raise PlanError("a shadow model has no recipe to retrain it by; leave u-lira out for the method that retrains.")


def _called(change: Change) -> str:
    return change.record.plan.method if change.record.plan else change.record.kind


def _weights(translation: Translation) -> torch.Tensor | None:
    weights = translation.plan.weights
    return None if weights is None else torch.tensor(weights)


def never_trained(base: Base, seed: int) -> nn.Module:
    """The base's network with fresh random weights: what an attack finds in it is the attack's own doing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(base, LanguageBase):
            return _fresh_language_model(base)
        network = copy.deepcopy(base.model)
        for module in network.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return network


def _fresh_language_model(base: LanguageBase) -> nn.Module:
    """One of the same kind and configuration, initialised as its library does it."""
    network = Network.of(base.model)
    make: Any = type(network.causal)
    fresh: nn.Module = make(copy.deepcopy(network.causal.config))
    return fresh.to(network.device, network.dtype)
