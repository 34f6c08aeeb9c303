"""The verdict: removed to the depth tested, suppressed, not forgotten, over-forgotten, or not enough evidence; by a written rule.

A number of an attack says nothing alone. It is held against the *band*: what retrained models show, which never saw the forgotten
examples. The band reaches from the least to the most that they show, wider on both sides by the largest of three margins: twice
their own spread, chance (two standard errors), and a quarter of the way to the base. A reading counts only where base and
retrained models differ by more than the first two, for elsewhere it tells nothing of the target. It lies *towards the base*
beyond one end of the band, *away from the base* beyond the other, else inside.

The rule, in this order:

1. The base itself, or a model that recognises the target as no retrained model does: **not forgotten**.
2. A model that fails on what it should retain, by more than a quarter: **over-forgotten**. It has lost so much that what attacks
   bring back, less what is lost elsewhere, says little, and the loss gives away that something was taken.
3. Readings towards the base of two kinds of attack (learning again, lifting, features, depth, rounding, noise), or two of one
   kind that are more than half way to the base: **suppressed**.
4. Conspicuous absence: the target recognised less, answered with more certainty, or told apart from unseen examples further below
   one half than by retrained models: **over-forgotten**.
5. All readings inside, of two kinds of attack beside recognition, with two retrained models: **removed to the depth tested**.
6. Else **not enough evidence**, with what is missing.

Without a retrained model only 1 and 2 can be said, by the base alone; the rest is withheld.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lorasteer.evaluation.verdict import AUC_BAND, tolerance
from lorasteer.records import Clue, Measurement, Verdict
from lorasteer.records.audit import AttackKind, AttackResult

QUARTER, HALF = 0.25, 0.5
SPREADS = 2
"""How often the distance between retrained models a band is wider on each side: two models show less than seeds can do."""
WANTED = 2
"""Retrained models, and kinds of attack beside recognition, that the strongest verdict needs."""
RECOGNISED = ("known", "target_accuracy_seen")
WORKING = "rest_accuracy"
SURENESS = "answer_confidence"
QUESTIONS: Mapping[AttackKind, str] = {
    "relearning": "learned again",
    "probe": "read from the features",
    "depth": "gone from the layers",
    "quantisation": "back after rounding",
    "noise": "back after a disturbance",
    "lift": "back when its class is lifted",
}
"""Kinds of attack that can show a target is only suppressed, and what each asks."""
DEEP: frozenset[AttackKind] = frozenset({"relearning", "lift", "probe", "depth"})
"""Kinds that look behind the answers; the strongest verdict needs readings of two of them."""
ASIDE = frozenset(
    {"depth_fall_target", "depth_fall_others", "depth_score_gross", "refit_retain", "forget_accuracy_judged", "label_log_odds",
     "unrounded_forget_accuracy"}
)  # fmt: skip
"""Measurements that say again what another of the same attack says, or speak of other examples than the target's."""
MIRRORED: frozenset[AttackKind] = frozenset({"depth", "likeness"})
"""Kinds that measure by the first retrained model, which therefore has no reading of its own: it would be held against itself."""


@dataclass(frozen=True)
class _Reading:
    """A clue with what the rule needs of it beside.

    Args:
        clue: The clue.
        kind: Kind of the attack.
        way: Part of the way from the retrained models to the base; 0 there, 1 here.
    """

    clue: Clue
    kind: AttackKind
    way: float


@dataclass(frozen=True)
class Bench:
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


def give_verdict(results: Sequence[AttackResult], subject: str, *, base: str, retrained: Sequence[str]) -> Verdict:
    """The verdict on one model of an audit.

    Args:
        results: What each attack found on each model.
        subject: Name of the model.
        base: Name of the base.
        retrained: Names of retrained models to hold it against; where the subject is one of them, it is left out.

    Returns:
        The verdict, with the readings that decided it and those that were looked at beside.
    """
    bench = Bench(results, base, [name for name in retrained if name != subject], next(iter(retrained), ""))
    readings = list(_readings(bench, subject))
    for clause in (_not_forgotten, _broken, _suppressed, _conspicuous):
        verdict = clause(bench, subject, readings)
        if verdict is not None:
            return _with_rest(verdict, readings, bench)
    return _with_rest(_removed(bench, subject, readings), readings, bench)


def _with_rest(verdict: Verdict, readings: Sequence[_Reading], bench: Bench) -> Verdict:
    beside = tuple(reading.clue for reading in readings if reading.clue not in verdict.evidence)
    return verdict.model_copy(update={"beside": beside, "withheld": verdict.withheld or _withheld(bench)})


def _withheld(bench: Bench) -> str:
    if not bench.retrained:
        return (
            "Without a retrained model nothing shows what a model that never saw the target would do, so `removed` and "
            "`suppressed` are withheld. Train some with --retrained 2."
        )
    if len(bench.retrained) < WANTED:
        return (
            "One retrained model shows no spread between seeds, so `removed to the depth tested` is withheld. "
            "Train a second with --retrained 2."
        )
    return ""


def _readings(bench: Bench, subject: str) -> Iterator[_Reading]:
    """Every reading that a clause may use, in the order of the attacks."""
    for result, measured in bench.of(subject):
        if result.kind == "recognition" or result.kind in QUESTIONS:
            reading = _read(bench, result, measured)
            if reading is not None:
                yield reading
        elif result.kind == "membership" and measured.name.endswith("_auc"):
            yield _of_membership(bench, result, measured)


def _read(bench: Bench, result: AttackResult, measured: Measurement) -> _Reading | None:
    known = bench.beside(result, measured)
    original = bench.same(bench.base, result.attack, measured.name)
    if measured.better == "lower" and measured.unit == "share":
        return _of_return(result, measured, known)
    if measured.better != "near-retrained" or measured.name in ASIDE or not known or original is None:
        return None
    values = [_value(other) for other in known]
    centre, spread = sum(values) / len(values), max(values) - min(values)
    gap = _value(original) - centre
    noise = max(SPREADS * spread, *(_chance(measured, other) for other in known))
    if measured.name not in (WORKING, SURENESS) and abs(gap) <= noise:
        return None
    margin = max(noise, QUARTER * abs(gap)) if measured.name != WORKING else max(noise, QUARTER)
    way = (_value(measured) - centre) / gap if gap else 0.0
    low, high = max(min(values) - margin, _or(measured.low, -math.inf)), min(max(values) + margin, _or(measured.high, math.inf))
    return _Reading(_clue(result, measured, low, high, _value(original), gap), result.kind, way)


def _of_return(result: AttackResult, measured: Measurement, known: Sequence[Measurement]) -> _Reading | None:
    """What came back after a disturbance: nothing, in a model that never saw the target; a quarter is more than chance."""
    if result.kind not in QUESTIONS:
        return None
    most = max((_value(other) for other in known), default=0.0)
    high = most + max(QUARTER, _chance(measured, measured))
    return _Reading(_clue(result, measured, 0.0, high, None, 1.0), result.kind, _value(measured))


def _of_membership(bench: Bench, result: AttackResult, measured: Measurement) -> _Reading:
    """How well members are told from others: one half is ideal, and retrained models show what chance does to it."""
    values = [0.5, *map(_value, bench.beside(result, measured))]
    original = bench.same(bench.base, result.attack, measured.name)
    margin = _chance(measured, measured)
    clue = _clue(result, measured, min(values) - margin, max(values) + margin, original and original.value, 1.0)
    return _Reading(clue, result.kind, _value(measured) - 0.5)


def _clue(
    result: AttackResult, measured: Measurement, low: float, high: float, original: float | None, gap: float
) -> Clue:  # fmt: skip
    value = _value(measured)
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
    """Largest difference that chance explains: two standard errors of shares or areas; nothing is known of other units."""
    if not one.n or not other.n:
        return 0.0
    if one.unit == "auc":
        return max(AUC_BAND, 2 / math.sqrt(6 * min(one.n, other.n)))  # an area has no larger error
    return tolerance(one, other) if one.unit == "share" else 0.0


def _or(bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else bound


def _value(measurement: Measurement) -> float:
    assert measurement.value is not None
    return measurement.value


def _verdict(subject: str, label: str, rule: str, clues: Sequence[_Reading]) -> Verdict:
    weighty = sorted(clues, key=lambda reading: -abs(reading.way))
    evidence = tuple(reading.clue for reading in weighty)
    return Verdict.model_validate({"subject": subject, "label": label, "rule": rule, "evidence": evidence})


def _not_forgotten(bench: Bench, subject: str, readings: Sequence[_Reading]) -> Verdict | None:
    rule = "It recognises the target as no retrained model does."
    clues = [
        reading for reading in readings
        if reading.clue.measurement in RECOGNISED and reading.clue.found == "towards the base"
    ]  # fmt: skip
    if not bench.retrained:
        rule = "It recognises the target at least half as well as the base."
        clues = [*_beside_base(bench, subject)]
    return _verdict(subject, "not forgotten", rule, clues) if clues else None


def _beside_base(bench: Bench, subject: str) -> Iterator[_Reading]:
    """Recognition held against the base alone, where no retrained model is there."""
    for result, measured in bench.of(subject):
        original = bench.same(bench.base, result.attack, measured.name)
        if result.kind != "recognition" or measured.name != RECOGNISED[0] or original is None:
            continue
        bound = HALF * _value(original)
        if _value(measured) >= bound > 0:
            yield _Reading(_clue(result, measured, 0.0, bound, original.value, 1.0), result.kind, _value(measured))


def _broken(bench: Bench, subject: str, readings: Sequence[_Reading]) -> Verdict | None:
    clues = [reading for reading in readings if reading.clue.measurement == WORKING and reading.clue.value < reading.clue.low]
    if not bench.retrained:
        clues = [*_worse_than_base(bench, subject)]
    rule = "It fails on what it should retain, so far that the loss itself gives away that something was taken."
    return _verdict(subject, "over-forgotten", rule, clues) if clues else None


def _worse_than_base(bench: Bench, subject: str) -> Iterator[_Reading]:
    for result, measured in bench.of(subject):
        original = bench.same(bench.base, result.attack, measured.name)
        if measured.name == WORKING and original is not None and _value(measured) < _value(original) - QUARTER:
            clue = _clue(result, measured, _value(original) - QUARTER, 1.0, original.value, 1.0)
            yield _Reading(clue, result.kind, _value(measured) - _value(original))


def _suppressed(bench: Bench, subject: str, readings: Sequence[_Reading]) -> Verdict | None:
    if not bench.retrained:
        return None
    towards = [reading for reading in readings if reading.kind in QUESTIONS and reading.clue.found == "towards the base"]
    strong = [reading for reading in towards if reading.way > HALF]
    if len(strong) < WANTED and len({reading.kind for reading in towards}) < WANTED:
        return None
    asked = ", ".join(dict.fromkeys(reading.clue.question for reading in strong or towards))
    return _verdict(
        subject, "suppressed", f"The target is still inside, though it is not shown: {asked} as in no retrained model.", towards
    )


def _conspicuous(bench: Bench, subject: str, readings: Sequence[_Reading]) -> Verdict | None:
    if not bench.retrained:
        return None
    clues = [
        reading for reading in readings
        if (reading.clue.measurement in RECOGNISED and reading.clue.found == "away from the base")
        or (reading.clue.measurement == SURENESS and reading.clue.value > reading.clue.high)
        or (reading.kind == "membership" and reading.clue.value < reading.clue.low)
    ]  # fmt: skip
    rule = "Its absence gives the target away: it is missed, or wrongly answered with certainty, as by no retrained model."
    return _verdict(subject, "over-forgotten", rule, clues) if clues else None


def _removed(bench: Bench, subject: str, readings: Sequence[_Reading]) -> Verdict:
    looked = [reading for reading in readings if reading.kind in QUESTIONS]
    telling = [reading for reading in readings if reading.kind != "recognition"]
    strays = [reading for reading in telling if reading.clue.found == "towards the base"]
    kinds = {reading.kind for reading in looked if reading.kind in DEEP}
    if len(bench.retrained) >= WANTED and len(kinds) >= WANTED and not strays:
        rule = f"{len(looked)} readings of {len(kinds)} kinds of attack all lie where retrained models do."
        return _verdict(subject, "removed to the depth tested", rule, looked)
    if strays:
        rule = "Something points towards the base, but too little of it for `suppressed`."
        return _verdict(subject, "not enough evidence", rule, strays)
    rule = "Nothing speaks against it, but too little was there to hold it against."
    if bench.retrained and len(kinds) < WANTED:
        rule = f"Base and retrained models differ in {len(kinds)} kinds of attack; two are needed to tell them apart."
    return _verdict(subject, "not enough evidence", rule, looked)
