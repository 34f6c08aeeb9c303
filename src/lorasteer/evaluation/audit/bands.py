"""Readings and their bands: a number of an attack, held against what models show that never saw the forgotten examples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lorasteer.evaluation.verdict import AUC_BAND, tolerance
from lorasteer.records import Clue, Measurement
from lorasteer.records.audit import AttackKind, AttackResult

QUARTER, HALF = 0.25, 0.5
SPREADS = 2
"""How often the distance between retrained models a band is wider on each side: two models show less than seeds can do."""
WORKING, SURENESS = "rest_accuracy", "answer_confidence"
QUESTIONS: Mapping[AttackKind, str] = {
    "relearning": "learned again",
    "probe": "read from the features",
    "depth": "gone from the layers",
    "quantisation": "back after rounding",
    "noise": "back after a disturbance",
    "lift": "back when its class is lifted",
    "extraction": "drawn out by other prompts",
}
"""Kinds of attack that can show a target is only suppressed, and what each asks."""
ASIDE = frozenset(
    {"depth_fall_target", "depth_fall_others", "depth_score_gross", "refit_retain", "forget_accuracy_judged", "label_log_odds",
     "unrounded_forget_accuracy", "extracted_direct"}
)  # fmt: skip
"""Measurements that say again what another of the same attack says, or speak of other examples than the target's."""
ASIDE_BEGINNINGS = ("extracted_repeated_", "prompted_")
"""Beginnings of names of such measurements: reading a context again shows no memory by itself, and how probable an answer is
behind the prompts of one family says again what its strings say."""
MIRRORED: frozenset[AttackKind] = frozenset({"depth", "likeness"})
"""Kinds that measure by the first retrained model, which therefore has no reading of its own: it would be held against itself."""


@dataclass(frozen=True)
class Reading:
    """A clue with what the rule needs of it beside.

    Args:
        clue: The clue.
        kind: Kind of the attack.
        way: Part of the way from the retrained models to the base; 0 there, 1 here.
        coarse: Whether seeds and chance alone set the band wider than half of the way to the base, so that lying inside says
            little.
    """

    clue: Clue
    kind: AttackKind
    way: float
    coarse: bool = False


@dataclass(frozen=True)
class Stand:
    """Results of all models of an audit, to look up by model.

    Args:
        results: What each attack found on each model.
        base: Name of the base.
        retrained: Names of the retrained models that the subject is held against; the subject is not among them.
        mirror: Name of the retrained model that attacks of the kinds `MIRRORED` measure by.
    """

    results: Sequence[AttackResult]
    base: str
    retrained: Sequence[str]
    mirror: str = ""

    def beside(self, result: AttackResult, measured: Measurement) -> list[Measurement]:
        """The same measurement of each retrained model that has one."""
        names = [name for name in self.retrained if not (name == self.mirror and result.kind in MIRRORED)]
        found = (self.same(name, result.attack, measured.name) for name in names)
        return [other for other in found if other is not None]

    def of(self, subject: str) -> Iterator[tuple[AttackResult, Measurement]]:
        """Everything that was measured of a model."""
        for result in self.results:
            if result.subject == subject:
                yield from ((result, one) for one in result.measurements if one.value is not None)

    def same(self, subject: str, attack: str, name: str) -> Measurement | None:
        """A measurement of a model by attack and name; None where it was not taken."""
        return next((one for result, one in self.of(subject) if (result.attack, one.name) == (attack, name)), None)


def readings_of(stand: Stand, subject: str) -> Iterator[Reading]:
    """Every reading that a clause may use, in the order of the attacks."""
    for result, measured in stand.of(subject):
        if result.kind == "recognition" or result.kind in QUESTIONS:
            reading = _read(stand, result, measured)
            if reading is not None:
                yield reading
        elif result.kind == "membership" and measured.name.endswith("_auc"):
            yield _of_membership(stand, result, measured)


def _read(stand: Stand, result: AttackResult, measured: Measurement) -> Reading | None:
    known = stand.beside(result, measured)
    original = stand.same(stand.base, result.attack, measured.name)
    if measured.better == "lower" and measured.unit == "share":
        return _of_return(result, measured, known)
    if measured.better != "near-retrained" or is_aside(measured.name) or not known or original is None:
        return None
    values = [value_of(other) for other in known]
    centre, spread = sum(values) / len(values), max(values) - min(values)
    gap = value_of(original) - centre
    noise = max(SPREADS * spread, *(_chance(measured, other) for other in known))
    if measured.name not in (WORKING, SURENESS) and abs(gap) <= noise:
        return None
    margin = max(noise, (QUARTER if result.kind == "recognition" else HALF) * abs(gap))
    if measured.name == WORKING:
        margin = max(noise, QUARTER)
    way = (value_of(measured) - centre) / gap if gap else 0.0
    low, high = max(min(values) - margin, _or(measured.low, -math.inf)), min(max(values) + margin, _or(measured.high, math.inf))
    clue = clue_of(result, measured, low, high, value_of(original), gap)
    return Reading(clue, result.kind, way, coarse=noise > HALF * abs(gap))


def is_aside(name: str) -> bool:
    """Whether the verdict leaves a measurement out; of the probabilities behind prompts it takes that behind the best of all.

    Example:
        >>> is_aside("prompted_cloze"), is_aside("prompted_any"), is_aside("extracted_cloze")
        (True, False, False)
    """
    return name in ASIDE or (name.startswith(ASIDE_BEGINNINGS) and not name.endswith("_any"))


def _of_return(result: AttackResult, measured: Measurement, known: Sequence[Measurement]) -> Reading | None:
    """What came back after a disturbance: nothing, in a model that never saw the target; a quarter is more than chance."""
    if result.kind not in QUESTIONS:
        return None
    most = max((value_of(other) for other in known), default=0.0)
    high = most + max(QUARTER, _chance(measured, measured))
    return Reading(clue_of(result, measured, 0.0, high, None, 1.0), result.kind, value_of(measured))


def _of_membership(stand: Stand, result: AttackResult, measured: Measurement) -> Reading:
    """How well members are told from others: one half is ideal, and retrained models show what chance does to it."""
    values = [0.5, *map(value_of, stand.beside(result, measured))]
    original = stand.same(stand.base, result.attack, measured.name)
    margin = _chance(measured, measured)
    known = None if original is None else original.value
    clue = clue_of(result, measured, min(values) - margin, max(values) + margin, known, 1.0)
    return Reading(clue, result.kind, value_of(measured) - 0.5)


def clue_of(
    result: AttackResult, measured: Measurement, low: float, high: float, original: float | None, gap: float
) -> Clue:  # fmt: skip
    """A reading in its band.

    Args:
        result: Where it comes from.
        measured: The reading.
        low: Lower end of the band.
        high: Upper end of it.
        original: What the base shows; None where it was not measured.
        gap: Positive where the base lies above the retrained models, else negative.
    """
    value = value_of(measured)
    beyond = "inside" if low <= value <= high else "above" if value > high else "below"
    towards = "above" if gap >= 0 else "below"
    found = "inside" if beyond == "inside" else "towards the base" if beyond == towards else "away from the base"
    question = QUESTIONS.get(result.kind, "told apart from unseen examples" if result.kind == "membership" else "recognised")
    return Clue.model_validate(
        {
            "question": question, "attack": result.attack, "measurement": measured.name, "value": value, "low": low, "high": high,
            "base": original, "n": measured.n, "found": found, "unit": measured.unit,
        }
    )  # fmt: skip


def _chance(one: Measurement, other: Measurement) -> float:
    """Largest difference that chance explains: two standard errors of shares or areas; nothing is known of other units.

    A share of few examples that is 0 or 1 has an error all the same: it is taken as if one more example had been right, and one
    more wrong (Laplace's rule of succession).
    """
    if not one.n or not other.n:
        return 0.0
    if one.unit == "auc":
        return max(AUC_BAND, 2 / math.sqrt(6 * min(one.n, other.n)))  # an area has no larger error
    if one.unit != "share":
        return 0.0
    return max(tolerance(one, other), 2 * math.sqrt(sum(map(_squared_error, (one, other)))))


def _squared_error(share: Measurement) -> float:
    """Square of a share's standard error, with one example more on either side.

    Example:
        >>> one = Measurement(name="x", value=1.0, unit="share", n=1, better="near-retrained")
        >>> round(_squared_error(one), 4)  # 2/3 * 1/3 of one example
        0.2222
    """
    right = (min(1.0, max(0.0, value_of(share))) * share.n + 1) / (share.n + 2)
    return right * (1 - right) / share.n


def _or(bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else bound


def value_of(measurement: Measurement) -> float:
    """The number of a measurement that has one."""
    assert measurement.value is not None
    return measurement.value
