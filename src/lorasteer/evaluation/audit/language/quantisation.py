"""Quantisation of a language model's merged weights: does rounding undo what unlearning did (arXiv:2410.16454)?"""

from __future__ import annotations

from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.language.recovery import TextJudge, asked_of
from lorasteer.evaluation.audit.quantisation import GRIDS, QuantiseSettings, quantised
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Subject


def _cost(ground: TextGround) -> float:
    return ground.forward_seconds * asked_of(ground) * (len(GRIDS) + 1)


@TEXT_ATTACKS.add(
    "quantise", kind="quantisation", cost=_cost, settings=QuantiseSettings, suite=frozenset({"quick", "full"}), order=40
)  # fmt: skip
def quantise(ground: TextGround, subject: Subject, settings: QuantiseSettings) -> Finding:
    """Round the merged weights to few bits and ask again."""
    return quantised(TextJudge.on(ground), ground, subject, settings)
