"""What a goal is measured by on a language model."""

from __future__ import annotations

from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.metric import TEXT_METRICS
from lorasteer.evaluation.language.outputs import TextContext
from lorasteer.session.goal import Distance
from lorasteer.session.judging import Measures

PROBABILITIES = Measures(
    TEXT_METRICS, "probability", forget=("forget-probability",), direction="direction-probability",
    retain="retain-probability", rest="target-rest-probability",
)  # fmt: skip
"""Mean answer probabilities, on training examples as the plan's own band is."""


def gap(context: TextContext) -> Distance:
    """How far the model's answers are from what breaks ties, in nats per token, and from what that is."""
    if context.retrained:
        return _gap(context.reference.forget, context.outputs.forget), "the retrained model"
    assert context.base is not None
    return _gap(context.base.retain, context.outputs.retain), "the base"


def _gap(true: Answers, said: Answers) -> float:
    """Mean distance of the right answers' log-probabilities."""
    return (true.mean_log_prob - said.mean_log_prob).abs().mean().item() if len(true) else 0.0
