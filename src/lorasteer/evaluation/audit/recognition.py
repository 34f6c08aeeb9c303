"""The first question: what does the model say of the target, and of the rest, when it is simply asked?

Accuracy on the target says whether it was forgotten at all; accuracy on the rest, whether the model still works. How sure the
model is of its answers on the target shows the opposite fault: a model that never saw the target is in doubt about it, and one
that is certain of a wrong answer gives away that something was taken from it.
"""

from __future__ import annotations

from torch import Tensor

from lorasteer.core.statistics import label_log_odds
from lorasteer.evaluation.audit.recovery import JUDGED, Judge, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Ground, Subject
from lorasteer.records import Measurement, Settings


def _cost(ground: Ground) -> float:
    return ground.forward_seconds * 3 * JUDGED


@ATTACKS.add("recognition", kind="recognition", cost=_cost, suite=frozenset({"quick", "full"}), order=1)
def recognition(ground: Ground, subject: Subject, settings: Settings) -> Finding:
    """Ask the model about the target and about the rest."""
    judge = Judge.on(ground)
    seen = ground.drawn(ground.splits.forget, JUDGED, "recognition seen")
    known = judge.known(subject)
    trained_on = ground.logits(subject, "train", seen)
    asked, labels = ground.logits(subject, judge.forget_part, judge.forget), ground.labels(judge.forget_part, judge.forget)
    right = (trained_on.argmax(-1) == ground.labels("train", seen)).double().mean().item()
    measurements = (
        share("known", known.recovered, judge.size, note=f"forget {known.forget:.3f}, retain {known.retain:.3f}"),
        share("target_accuracy", known.forget, judge.size),
        share("target_accuracy_seen", right, len(seen), note="on examples of the forget set itself"),
        share("rest_accuracy", known.retain, len(judge.retain)),
        share("answer_confidence", _confidence(asked), judge.size, note="mean probability of the answer given, right or wrong"),
        Measurement(
            name="label_log_odds", value=label_log_odds(asked, labels).mean().item(), unit="nats", n=judge.size,
            better="near-retrained", note="of the true class, mean",
        ),
    )  # fmt: skip
    return Finding(measurements, (), judge.size)


def _confidence(logits: Tensor) -> float:
    return logits.double().softmax(-1).amax(-1).mean().item()
