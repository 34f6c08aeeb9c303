"""Relearning by language models: how fast a few examples and a few steps bring the target's answers back (arXiv:2406.13356).

A copy of the model learns answers by plain cross-entropy with AdamW, and is judged on answers of the target that it was not
taught, in any wording. What it learns is a part of the target, mixed with as many retained examples; or retained examples that
are worded like the target, for likeness of form brings back more than likeness of topic (arXiv:2602.03379); or invented words,
the control. The recipe is the attack's own, equal for every model: either the modules that the change altered learn (`touched`),
or all weights (`all`), each tensor at a rate that follows its size in the base.

Steps alone prove nothing, for a model that never read of the target learns too: only the distance to the retrained models counts.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from lorasteer.core.tokens import token_statistics
from lorasteer.errors import DataError
from lorasteer.evaluation.audit.courses import Course, by_scope, checkpoints, followed, measured, touching
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.language.recovery import JUDGED, TextJudge, TextScore, asked_of
from lorasteer.evaluation.audit.recovery import share
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Subject
from lorasteer.records import Settings
from lorasteer.tasks.language.inputs import Tokens
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Index

_BACKWARD = 3  # a step costs about three forward passes
_SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve")
_RETAINED_MOST = 4000  # retained examples whose wording is looked at

Scope = Literal["touched", "all"]
SCOPES: tuple[Scope, ...] = ("touched", "all")


class TextRelearnSettings(Settings):
    """Settings of the relearning attacks on text."""

    examples: Annotated[int, Field(gt=0)] = 32
    """Examples to learn from; beside examples of the target, as many others."""
    steps: Annotated[int, Field(gt=0)] = 20
    """Optimiser steps, each on all of them."""
    rate: Annotated[float, Field(gt=0)] = 0.05
    """Learning rate of AdamW for a matrix of one row as large as 1 at the root of the mean square; see `rate_of`."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the base's answer probability on the target that counts as relearned."""


def rate_of(weight: Tensor, rate: float) -> float:
    """Learning rate for a tensor: `rate` times its root mean square over the root of its inputs.

    A step of AdamW moves every entry by the rate, and all entries of a row may pull together; so the same share of what a layer
    gives is moved in a network of any width.

    Args:
        weight: The tensor in the base; its last dimension is what it reads.
        rate: Share.

    Example:
        >>> round(rate_of(torch.full((2, 4), 0.2), 0.05), 4)  # 0.05 * 0.2 / 2
        0.005
    """
    return rate * float(weight.float().square().mean().sqrt()) / math.sqrt(weight.shape[-1] if weight.dim() > 1 else 1)


def _cost(ground: TextGround) -> float:
    plan = TextRelearnSettings()
    places, taught = (
        len(checkpoints(plan.steps)),
        min(2 * plan.examples, max(1, _spared(ground) + len(ground.splits.forget) // 2)),
    )
    return ground.forward_seconds * len(SCOPES) * (plan.steps * taught * _BACKWARD + places * asked_of(ground))


@TEXT_ATTACKS.add(
    "relearn-forget",
    kind="relearning", cost=_cost, local=touching, settings=TextRelearnSettings, suite=frozenset({"quick", "full"}), order=10,
)  # fmt: skip
def relearn_forget(ground: TextGround, subject: Subject, settings: TextRelearnSettings) -> Finding:
    """Learn a part of the target again, mixed with as many retained examples; half of both at least is left to ask for."""
    count = min(settings.examples, len(ground.splits.forget) // 2)
    mine = ground.drawn(ground.splits.forget, count, "relearn forget") if count else np.empty(0, np.int64)
    others = ground.drawn(ground.splits.retain, min(settings.examples, _spared(ground)), "relearn beside")
    chosen = np.concatenate([mine, others]) if count else mine
    return _relearned_examples(ground, subject, settings, chosen, f"{len(mine)} of them of the target")


@TEXT_ATTACKS.add("relearn-related", kind="relearning", cost=_cost, local=touching, settings=TextRelearnSettings, order=11)
def relearn_related(ground: TextGround, subject: Subject, settings: TextRelearnSettings) -> Finding:
    """Learn retained examples that are worded like the target; not one of the target itself."""
    chosen = related(ground, min(2 * settings.examples, _spared(ground)))
    return _relearned_examples(ground, subject, settings, chosen, "retained, worded like the target")


@TEXT_ATTACKS.add("relearn-unrelated", kind="relearning", cost=_cost, local=touching, settings=TextRelearnSettings, order=12)
def relearn_unrelated(ground: TextGround, subject: Subject, settings: TextRelearnSettings) -> Finding:
    """Learn invented words: what any training at all brings back."""
    texts = babble(ground, 2 * settings.examples)
    tokens = ground.inputs.encode(("",) * len(texts), texts)
    return _relearned(ground, subject, settings, tokens, TextJudge.on(ground), "of invented words")


def _spared(ground: TextGround) -> int:
    """Retained examples that may be taught: half of them, so that the others show what is lost."""
    return len(ground.splits.retain) // 2


def related(ground: TextGround, count: int) -> Index:
    """Retained examples that share most words with some example of the target, in rising order; those that repeat its answer not.

    Likeness is the number of shared words over the number of words in either; of equal ones the earlier example is taken.
    """

    def rank() -> Index:
        target = ground.drawn(ground.splits.forget, JUDGED, "related")
        mine = ground.examples("train", target)
        retain = ground.drawn(ground.splits.retain, _RETAINED_MOST, "related among")
        others = ground.examples("train", retain)
        wanted = list({words(f"{prompt} {answer}") for prompt, answer in zip(mine.prompts, mine.answers, strict=True)})
        said = frozenset(ground.examples("train", ground.splits.forget).answers)
        likeness = [
            -1.0 if answer in said else max(alike(words(f"{prompt} {answer}"), one) for one in wanted)
            for prompt, answer in zip(others.prompts, others.answers, strict=True)
        ]
        order = np.argsort(-np.array(likeness), kind="stable")
        return retain[order[: sum(found >= 0 for found in likeness)]]

    return np.sort(ground.remember(("related",), rank)[:count])


def words(text: str) -> frozenset[str]:
    """Words of a text, in small letters."""
    return frozenset(re.findall(r"\w+", text.lower()))


def alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words over words in either; 0 … 1.

    Example:
        >>> alike(words("Where was Ulf born?"), words("Where was Kaya born?"))  # 3 of 5
        0.6
    """
    return len(one & other) / max(1, len(one | other))


def babble(ground: TextGround, count: int) -> tuple[str, ...]:
    """Texts of invented words, each about as long as an answer and short enough for the model."""
    generator = ground.generator("babble")
    some = ground.examples("train", ground.drawn(ground.splits.retain, JUDGED, "babble")).answers
    length = max(1, int(np.median([len(answer.split()) for answer in some])))
    invented = [["".join(generator.choice(_SYLLABLES, 2)) for _ in range(length)] for _ in range(count)]
    while length > 1 and not _fits(ground, [" ".join(text[:length]) for text in invented]):
        length //= 2
    return tuple(" ".join(text[:length]).capitalize() + "." for text in invented)


def _fits(ground: TextGround, texts: Sequence[str]) -> bool:
    try:
        ground.inputs.encode([""] * len(texts), [f"{text}.." for text in texts])
    except DataError:
        return False
    return True


def _relearned_examples(ground: TextGround, subject: Subject, settings: TextRelearnSettings, chosen: Index, what: str) -> Finding:
    judge = TextJudge.on(ground, without=chosen)
    if not len(chosen) or not judge.size:
        why = f"no examples to learn from ({what})" if not len(chosen) else "no answer of the target is left to ask for"
        return Finding(tuple(share(f"relearned_{scope}", None, 0, note=why) for scope in SCOPES))
    return _relearned(ground, subject, settings, ground.inputs.tokens("train", chosen), judge, what)


def _relearned(
    ground: TextGround, subject: Subject, settings: TextRelearnSettings, taught: Tokens, judge: TextJudge, what: str
) -> Finding:
    asked = f"{judge.size} other answers of the target and {len(judge.retain)} retained"
    return by_scope(
        SCOPES,
        lambda scope: relearn(ground, subject, judge, taught, scope=scope, settings=settings),
        lambda course, scope: measured(course, scope, judge, settings.share),
        judge,
        f"Taught {len(taught)} texts, {what}; judged on {asked}.",
    )


def relearn(
    ground: TextGround, subject: Subject, judge: TextJudge, taught: Tokens, *, scope: Scope, settings: TextRelearnSettings
) -> Course[TextScore]:
    """Train a copy of the subject on some answers and judge it on the way.

    Args:
        ground: Where the base comes from, whose weights set the rates.
        subject: Left bit-identical.
        judge: Judges the copy.
        taught: What it learns, at the labelled tokens.
        scope: What learns: the modules that the change altered (`touched`), or `all` weights.
        settings: Numbers of the attack.
    """
    model = copy.deepcopy(subject.network).eval().requires_grad_(False)
    network = Network.of(model)
    optimizer = _optimizer(ground, model, ("",) if scope == "all" else ground.layers, settings.rate)
    tokens = taught.to(network.device)

    def step_once() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(answer_loss(network, tokens))
        optimizer.step()

    return followed(settings.steps, lambda: judge.tried(model), step_once)


def answer_loss(network: Network, tokens: Tokens) -> Tensor:
    """Mean cross-entropy of all labelled tokens, a scalar in nats."""
    hidden = network.at_targets(tokens)
    said = token_statistics(hidden, network.head_weight, network.head_bias, tokens.targets[2].to(hidden.device))
    return -said.log_prob.mean()


def _optimizer(ground: TextGround, model: nn.Module, layers: Sequence[str], rate: float) -> torch.optim.Optimizer:
    """Let the parameters of some modules learn, each at the rate that its size in the base gives."""
    within = tuple(f"{layer}." if layer else "" for layer in layers)
    named = {name: value for name, value in model.named_parameters() if name.startswith(within)}
    groups = [
        {"params": [value.requires_grad_(True)], "lr": rate_of(ground.base.model.get_parameter(name), rate)}
        for name, value in named.items()
    ]
    return torch.optim.AdamW(groups, weight_decay=0.0)
