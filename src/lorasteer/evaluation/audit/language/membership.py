"""Membership inference on answers: are those to forget told from answers that were never trained on?

Four scores of each answer, all from its token statistics, higher for a likelier member: the loss, the loss by the bytes of the
compressed text, Min-K% (Shi et al. 2024, arXiv:2310.16789) and Min-K%++ (Zhang et al. 2025, arXiv:2404.02936). For each stand the
area, with its interval, and the share of forget examples found at 1 % and 0.1 % false positives, in both directions: an answer
that is *less* likely than unseen ones gives itself away too. Rates that the number of unseen answers cannot support are refused.
These are population attacks, which underestimate what an attacker with shadow models learns; the closeness to the retrained
models is what a verdict reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field
from torch import Tensor

from lorasteer.evaluation.audit.intervals import Scores, curves, measured, refused
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Subject
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.attacks.membership import loss, min_k, min_k_plus, zlib
from lorasteer.records import Settings

SCORES: dict[str, Callable[[Answers], Tensor]] = {"loss": loss, "zlib": zlib, "min_k": min_k, "min_k_plus": min_k_plus}
_TWO_SIDES = 4  # answers of a side below which no interval makes sense


class TextMembershipSettings(Settings):
    """Settings of membership inference on answers."""

    examples: Annotated[int, Field(gt=1)] = 2000
    """Answers of each side, at most."""


def _cost(ground: TextGround) -> float:
    most = TextMembershipSettings().examples
    return ground.forward_seconds * (min(most, len(ground.splits.forget)) + min(most, len(ground.splits.validation.index)))


@TEXT_ATTACKS.add(
    "answer-membership",
    kind="membership",
    cost=_cost,
    settings=TextMembershipSettings,
    suite=frozenset({"quick", "full"}),
    order=60,
)
def answer_membership(ground: TextGround, subject: Subject, settings: TextMembershipSettings) -> Finding:
    """Rank the answers to forget against answers that no model was trained on."""
    held = ground.splits.validation
    members = ground.drawn(ground.splits.forget, settings.examples, "members")
    others = ground.drawn(held.index, settings.examples, "never seen")
    if min(len(members), len(others)) < _TWO_SIDES:
        why = f"needs {_TWO_SIDES} answers on each side, there are {len(members)} to forget and {len(others)} never trained on"
        return Finding(tuple(one for name in SCORES for one in refused(name, why)))
    mine = ground.answers(subject, ground.sheet("train", members))
    theirs = ground.answers(subject, ground.sheet(held.part, others))
    if not (mine.finite and theirs.finite):
        return Finding(tuple(one for name in SCORES for one in refused(name, "the model's answers are not finite")))
    ranked = {name: Scores(score(mine), score(theirs)) for name, score in SCORES.items()}
    found = tuple(one for name, scores in ranked.items() for one in measured(name, scores))
    return Finding(found, tuple(curve for name, scores in ranked.items() for curve in curves(name, scores)), len(members))
