"""The verdict: removed to the depth tested, suppressed, not forgotten, over-forgotten, or not enough evidence; by a written rule.

A number of an attack says nothing alone. It is held against the *band*: what retrained models show, which never saw the forgotten
examples. The band reaches from the least to the most that they show, wider on both sides by the largest of three margins: twice
their own spread, chance (two standard errors), and half of the way to the base, of plain recognition a quarter. A reading counts
only where base and retrained models differ by more than the first two, for elsewhere it tells nothing of the target. It lies
*towards the base* beyond one end of the band, *away from the base* beyond the other, else inside.

The rule, in this order:

1. The base itself, or a model that recognises the target as no retrained model does: **not forgotten**.
2. A model that fails on what it should retain, by more than a quarter: **over-forgotten**. It has lost so much that what attacks
   bring back, less what is lost elsewhere, says little, and the loss gives away that something was taken.
3. Readings towards the base of two kinds of attack (learning again, lifting, features, depth, rounding, noise, other prompts), or
   two of one kind that are more than three quarters of the way there: **suppressed**. What the prompts of one family draw out of
   a language model, and what those of all families together do, are two readings.
4. Conspicuous absence: the target recognised less, answered with more certainty, or told apart from unseen examples further below
   one half than by retrained models: **over-forgotten**.
5. No reading towards the base, with two retrained models and readings of two kinds that look behind the answers, neither these
   nor plain recognition so coarse that chance and seeds alone reach half of the way to the base: **removed to the depth tested**.
   Among ten readings or more, chance sets one beyond its band; one alone, by less than three quarters of the way, is named and
   does not count.
6. Else **not enough evidence**, with what is missing.

Without a retrained model only 1 and 2 can be said, by the base alone; the rest is withheld.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lorasteer.evaluation.audit.bands import (
    HALF,
    QUARTER,
    QUESTIONS,
    SURENESS,
    WORKING,
    Reading,
    Stand,
    clue_of,
    readings_of,
    value_of,
)
from lorasteer.records import Verdict
from lorasteer.records.audit import AttackKind, AttackResult

MOST = 0.75
"""Part of the way to the base from which on a reading is strong."""
MANY = 10
"""Readings among which chance sets one beyond its band."""
WANTED = 2
"""Retrained models, and kinds of attack beside recognition, that the strongest verdict needs."""
RECOGNISED = ("known", "target_accuracy_seen")
DEEP: frozenset[AttackKind] = frozenset({"relearning", "lift", "probe", "depth"})
"""Kinds that look behind the answers; the strongest verdict needs readings of two of them. Extraction asks for answers, by other
prompts: what it draws out speaks against a removal, but that it draws nothing out does not speak for one."""


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
    stand = Stand(results, base, [name for name in retrained if name != subject], next(iter(retrained), ""))
    readings = list(readings_of(stand, subject))
    for clause in (_not_forgotten, _broken, _suppressed, _conspicuous):
        verdict = clause(stand, subject, readings)
        if verdict is not None:
            return _with_rest(verdict, readings, stand)
    return _with_rest(_removed(stand, subject, readings), readings, stand)


def _with_rest(verdict: Verdict, readings: Sequence[Reading], stand: Stand) -> Verdict:
    beside = tuple(reading.clue for reading in readings if reading.clue not in verdict.evidence)
    return verdict.model_copy(update={"beside": beside, "withheld": verdict.withheld or _withheld(stand)})


def _withheld(stand: Stand) -> str:
    if not stand.retrained:
        return (
            "Without a retrained model nothing shows what a model that never saw the target would do, so `removed` and "
            "`suppressed` are withheld. Train some with --retrained 2."
        )
    if len(stand.retrained) < WANTED:
        return (
            "One retrained model shows no spread between seeds, so `removed to the depth tested` is withheld. "
            "Train a second with --retrained 2."
        )
    return ""


def _verdict(subject: str, label: str, rule: str, clues: Sequence[Reading]) -> Verdict:
    weighty = sorted(clues, key=lambda reading: -abs(reading.way))
    evidence = tuple(reading.clue for reading in weighty)
    return Verdict.model_validate({"subject": subject, "label": label, "rule": rule, "evidence": evidence})


def _not_forgotten(stand: Stand, subject: str, readings: Sequence[Reading]) -> Verdict | None:
    rule = "It recognises the target as no retrained model does."
    clues = [
        reading for reading in readings
        if reading.clue.measurement in RECOGNISED and reading.clue.found == "towards the base"
    ]  # fmt: skip
    if not stand.retrained:
        rule = "It recognises the target at least half as well as the base."
        clues = [*_beside_base(stand, subject)]
    return _verdict(subject, "not forgotten", rule, clues) if clues else None


def _beside_base(stand: Stand, subject: str) -> Iterator[Reading]:
    """Recognition held against the base alone, where no retrained model is there."""
    for result, measured in stand.of(subject):
        original = stand.same(stand.base, result.attack, measured.name)
        if result.kind != "recognition" or measured.name != RECOGNISED[0] or original is None:
            continue
        bound = HALF * value_of(original)
        if value_of(measured) >= bound > 0:
            yield Reading(clue_of(result, measured, 0.0, bound, original.value, 1.0), result.kind, value_of(measured))


def _broken(stand: Stand, subject: str, readings: Sequence[Reading]) -> Verdict | None:
    clues = [reading for reading in readings if reading.clue.measurement == WORKING and reading.clue.value < reading.clue.low]
    if not stand.retrained:
        clues = [*_worse_than_base(stand, subject)]
    rule = "It fails on what it should retain, so far that the loss itself gives away that something was taken."
    return _verdict(subject, "over-forgotten", rule, clues) if clues else None


def _worse_than_base(stand: Stand, subject: str) -> Iterator[Reading]:
    for result, measured in stand.of(subject):
        original = stand.same(stand.base, result.attack, measured.name)
        if measured.name == WORKING and original is not None and value_of(measured) < value_of(original) - QUARTER:
            clue = clue_of(result, measured, value_of(original) - QUARTER, 1.0, original.value, 1.0)
            yield Reading(clue, result.kind, value_of(measured) - value_of(original))


def _suppressed(stand: Stand, subject: str, readings: Sequence[Reading]) -> Verdict | None:
    if not stand.retrained:
        return None
    towards = [reading for reading in readings if reading.kind in QUESTIONS and reading.clue.found == "towards the base"]
    strong = [reading for reading in towards if reading.way > MOST]
    if len(strong) < WANTED and len({reading.kind for reading in towards}) < WANTED:
        return None
    asked = ", ".join(dict.fromkeys(reading.clue.question for reading in strong or towards))
    return _verdict(
        subject, "suppressed", f"The target is still inside, though it is not shown: {asked} as in no retrained model.", towards
    )


def _conspicuous(stand: Stand, subject: str, readings: Sequence[Reading]) -> Verdict | None:
    if not stand.retrained:
        return None
    clues = [
        reading for reading in readings
        if (reading.clue.measurement in RECOGNISED and reading.clue.found == "away from the base")
        or (reading.clue.measurement == SURENESS and reading.clue.value > reading.clue.high)
        or (reading.kind == "membership" and reading.clue.value < reading.clue.low)
    ]  # fmt: skip
    rule = "Its absence gives the target away: it is missed, or wrongly answered with certainty, as by no retrained model."
    return _verdict(subject, "over-forgotten", rule, clues) if clues else None


def _removed(stand: Stand, subject: str, readings: Sequence[Reading]) -> Verdict:
    looked = [reading for reading in readings if reading.kind != "recognition"]
    strays = [reading for reading in looked if reading.clue.found == "towards the base"]
    kinds = {reading.kind for reading in looked if reading.kind in DEEP and not reading.coarse}
    coarse = any(reading.coarse for reading in readings if reading.clue.measurement == RECOGNISED[0])
    by_chance = len(strays) == 1 and len(looked) >= MANY and strays[0].way < MOST
    if len(stand.retrained) >= WANTED and len(kinds) >= WANTED and not coarse and (not strays or by_chance):
        rule = (
            f"{len(looked)} readings, of {len(kinds)} kinds of attack that look behind the answers, lie where retrained models do"
        )
        stray = f", but for one of {strays[0].clue.attack}, as chance gives among so many" if strays else ""
        return _verdict(subject, "removed to the depth tested", f"{rule}{stray}.", looked)
    if strays:
        rule = "Something points towards the base, but too little of it for `suppressed`."
        return _verdict(subject, "not enough evidence", rule, strays)
    rule = "Nothing speaks against it, but too little was there to hold it against."
    if stand.retrained and len(kinds) < WANTED:
        differ = f"Base and retrained models differ clearly in {len(kinds)} of the kinds of attack that look behind the answers"
        rule = f"{differ}; two are needed."
    if coarse:
        n = min(reading.clue.n for reading in readings if reading.clue.measurement == RECOGNISED[0])
        rule = (
            f"With {n} examples of the target and the spread between retrained models, chance alone reaches more than half of "
            "the way to the base; audit a larger target, or train more retrained models."
        )
    return _verdict(subject, "not enough evidence", rule, looked)
