"""What is still known of everything else."""

from __future__ import annotations

from lorasteer.core.text_statistics import harmonic_mean, truth_ratio_kept
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.metric import TEXT_METRICS, averaged
from lorasteer.evaluation.language.outputs import TextContext
from lorasteer.evaluation.metric import Reading

FULL = frozenset({"full"})


@TEXT_METRICS.add("retain-probability", unit="share", better="higher", group="utility", low=0.0, high=1.0, order=40)
def retain_probability(context: TextContext) -> Reading:
    """Mean probability of retained answers, each the geometric mean of its tokens'."""
    return averaged(context.outputs.retain.probability, "retain")


@TEXT_METRICS.add("retain-test-probability", unit="share", better="higher", group="utility", low=0.0, high=1.0, order=41)
def retain_test_probability(context: TextContext) -> Reading:
    """The same on test examples that do not meet the target."""
    return averaged(context.outputs.retain_test.probability, "retain_test")


@TEXT_METRICS.add("retain-rouge", unit="share", better="higher", group="utility", low=0.0, high=1.0, suite=FULL, order=42)
def retain_rouge(context: TextContext) -> Reading:
    """ROUGE-L recall of the model's own answers to retained questions (greedy, stemmed, as long as the right one)."""
    rouge = context.outputs.retain.rouge
    return averaged(rouge, "retain") if rouge is not None else Reading(None, 0, "the model wrote no answers of its own")


@TEXT_METRICS.add("model-utility", unit="share", better="higher", group="utility", low=0.0, high=1.0, suite=FULL, order=43)
def model_utility(context: TextContext) -> Reading:
    """Harmonic mean of probability, ROUGE-L recall and truth ratio on retain and on every further sheet; loss space.

    With TOFU's two sheets these are its nine numbers. On sheets, probability is among the candidates of a question.
    """
    return _utility(context, "loss")


@TEXT_METRICS.add(
    "model-utility-probability", unit="share", better="higher", group="utility", low=0.0, high=1.0, suite=FULL, order=44
)
def model_utility_probability(context: TextContext) -> Reading:
    """The same with the truth ratio in probability space."""
    return _utility(context, "probability")


def _utility(context: TextContext, space: str) -> Reading:
    outputs = context.outputs
    if not len(outputs.retain):
        return Reading(None, 0, "no examples in retain")
    named = {"retain": _three(outputs.retain, space, among=False)}
    named |= {name: _three(answers, space, among=True) for name, answers in outputs.sheets.items() if len(answers)}
    numbers = [number for three in named.values() for number in three]
    count = len(outputs.retain) + sum(len(answers) for answers in outputs.sheets.values())
    note = f"harmonic mean of {len(numbers)} numbers, on {', '.join(named)}"
    return Reading(harmonic_mean(numbers), count, note)


def _three(answers: Answers, space: str, *, among: bool) -> list[float]:
    """Probability, ROUGE-L recall and truth ratio, as far as they can be taken."""
    judged = bool(answers.judged.any())
    found = [answers.probability_among if among and judged else answers.probability]
    found += [answers.rouge] if answers.rouge is not None else []
    found += [truth_ratio_kept(answers.truth_ratio(space))] if judged else []
    return [float(values.double().mean()) for values in found]
