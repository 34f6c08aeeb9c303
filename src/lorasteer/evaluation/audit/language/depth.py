"""Unlearning depth of a language model: behind which blocks is the target gone (UDS, arXiv:2605.24614).

As for classifiers (`evaluation.audit.depth`): the base's hidden states behind a block, of prompt and answer, are replaced by
another model's, the rest of the base goes on from there, and the fall of the answer's log-probability says how much of its
knowledge those states lack. Models that were trained from one pretrained network speak one language inside; for others, and for
all alike, an affine stitch fitted on retained examples translates, and what it costs on others of them is taken off.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lorasteer.core.linear import affine_map
from lorasteer.evaluation.audit.depth import DepthSettings, Falls, held_against, mean_fall, told
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.language.states import batches, log_probabilities, mean, real, states, stations
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Subject
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Index, Part

ROWS = 20_000  # tokens a stitch is fitted on at most
Stitches = list[tuple[Tensor, Tensor]]


class TextDepthSettings(DepthSettings):
    """Settings of the unlearning depth of language models."""


def _cost(ground: TextGround) -> float:
    plan, blocks = TextDepthSettings(), len(Network.of(ground.base.model).blocks)
    return ground.forward_seconds * (2 * plan.fitted + 2 * plan.examples * (blocks + 2))


@TEXT_ATTACKS.add(
    "unlearning-depth", kind="depth", cost=_cost, settings=TextDepthSettings, needs=frozenset({"retrained"}), order=30
)
def unlearning_depth(ground: TextGround, subject: Subject, settings: TextDepthSettings) -> Finding:
    """Patch the hidden states of the retrained models and of the subject into the base, and compare what is lost."""
    part, index = ground.unseen
    target = ground.drawn(index, settings.examples, "depth target")
    learned = ground.drawn(ground.splits.retain, settings.fitted + settings.examples, "depth retained")
    shuffled = ground.generator("stitch").permutation(learned)
    others, fitted = (np.sort(some) for some in np.split(shuffled, [min(settings.examples, len(learned) // 2)]))

    def fallen(who: Subject) -> Falls:
        def measure() -> Falls:
            stitches = _stitches(ground, who, fitted)
            return Falls(_side(ground, who, stitches, part, target), _side(ground, who, stitches, "train", others))

        return ground.remember(("falls", settings.digest, who.digest), measure)

    retrained = mean_fall([fallen(model) for model in held_against(ground, subject)])
    names = stations(Network.of(ground.base.model))
    return told(names, fallen(subject), retrained, len(target), settings.threshold)


def _stitches(ground: TextGround, subject: Subject, index: Index) -> Stitches:
    """For each block the affine map of the subject's states to the base's, fitted on tokens of retained examples."""
    theirs = ground.remember(("stitch states", index.tobytes()), lambda: _rows(ground, ground.original, index))
    mine = _rows(ground, subject, index)
    return [affine_map(source, target) for source, target in zip(mine, theirs, strict=True)]


def _rows(ground: TextGround, subject: Subject, index: Index) -> list[Tensor]:
    """States of tokens behind each block, float32 on the CPU; of many tokens a part, the same ones for every subject."""
    network = Network.of(subject.network)
    said = [
        [real(tokens, one).float().cpu() for one in states(network, tokens)] for tokens in batches(ground.inputs, "train", index)
    ]
    rows = [torch.cat(some) for some in zip(*said, strict=True)]
    if len(rows[0]) <= ROWS:
        return rows
    chosen = torch.from_numpy(ground.generator("stitch rows").choice(len(rows[0]), ROWS, replace=False))
    return [some[chosen] for some in rows]


def _side(ground: TextGround, subject: Subject, stitches: Stitches, part: Part, index: Index) -> tuple[float, ...]:
    """Fall of the base's mean log-probability of the answers, block by block, when the subject's states are put in."""
    base, network = Network.of(ground.base.model), Network.of(subject.network)
    usual: list[Tensor] = []
    patched: list[list[Tensor]] = [[] for _ in stitches]
    for tokens in batches(ground.inputs, part, index):
        usual.append(log_probabilities(base, tokens))
        for block, (state, (matrix, offset)) in enumerate(zip(states(network, tokens), stitches, strict=True)):
            put = (state.double().cpu() @ matrix + offset).to(base.dtype)
            patched[block].append(log_probabilities(base, tokens, after=block, put=put))
    return tuple(mean(usual) - mean(one) for one in patched) if usual else tuple(0.0 for _ in stitches)
