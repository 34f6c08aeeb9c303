"""The first question to a language model: what does it say of the target, and of the rest, when it is simply asked?

Probability of the answers of the target says whether it was forgotten at all; that of retained answers, whether the model still
works. How sure it is of what it writes itself shows the opposite fault: a model that never read of the target is in doubt.
"""

from __future__ import annotations

from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.language.recovery import JUDGED, TextJudge, mean_probability
from lorasteer.evaluation.audit.recovery import meaning, share
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Subject
from lorasteer.records import Settings


def _cost(ground: TextGround) -> float:
    return ground.forward_seconds * 3 * JUDGED


@TEXT_ATTACKS.add("recognition", kind="recognition", cost=_cost, suite=frozenset({"quick", "full"}), order=1)
def recognition(ground: TextGround, subject: Subject, settings: Settings) -> Finding:
    """Ask the model about the target and about the rest."""
    judge = TextJudge.on(ground)
    known = judge.known(subject)
    seen = ground.sheet("train", ground.drawn(ground.splits.forget, JUDGED, "recognition seen"))
    right = ground.answers(subject, judge.forget).right.double()
    measurements = (
        share("known", known.recovered, judge.size, note=f"forget {known.forget:.3f}, retain {known.retain:.3f}"),
        share("target_probability", known.forget, judge.size),
        share("target_accuracy_seen", mean_probability(ground.answers(subject, seen)), len(seen),
              note="mean answer probability on the forget set itself"),
        share("rest_accuracy", known.retain, len(judge.retain), note="mean answer probability of retained examples"),
        share("tokens_right", float(right.mean()) if len(right) else None, judge.size, note="answer tokens that come first"),
    )  # fmt: skip
    return Finding(measurements, (), judge.size, meaning(judge))
