"""Each branch of the rule, by tables of numbers; and what is withheld where something is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lorasteer.evaluation.audit.verdict import give_verdict
from lorasteer.records import Measurement, Verdict
from lorasteer.records.audit import AttackKind, AttackResult

BASE, GOLD = "base", ("retrained (seed 1000)", "retrained (seed 1001)")
ATTACKS: dict[str, tuple[str, AttackKind]] = {
    "known": ("recognition", "recognition"), "target_accuracy_seen": ("recognition", "recognition"),
    "rest_accuracy": ("recognition", "recognition"), "answer_confidence": ("recognition", "recognition"),
    "relearn_area_all": ("relearn-forget", "relearning"), "refit_forget_1": ("head-refit", "probe"),
    "refit_forget_5": ("head-refit", "probe"), "depth_score": ("unlearning-depth", "depth"),
    "int4_regained": ("quantise", "quantisation"), "mia_auc": ("lira", "membership"),
    "extracted_cloze": ("extract", "extraction"), "extracted_any": ("extract", "extraction"),
    "prompted_cloze": ("extract", "extraction"), "extracted_direct": ("extract", "extraction"),
    "extracted_repeated_2": ("extract-repeated", "extraction"),
}  # fmt: skip
KNOWS = {
    "known": 1.0, "target_accuracy_seen": 1.0, "rest_accuracy": 0.95, "answer_confidence": 0.95, "relearn_area_all": 1.0,
    "refit_forget_1": 0.9, "refit_forget_5": 1.0, "depth_score": 0.0, "int4_regained": 0.0, "mia_auc": 0.7,
    "extracted_cloze": 0.9, "extracted_any": 1.0, "prompted_cloze": 0.9, "extracted_direct": 1.0, "extracted_repeated_2": 0.9,
}  # fmt: skip
NEVER_KNEW = {
    "known": 0.0, "target_accuracy_seen": 0.0, "rest_accuracy": 0.95, "answer_confidence": 0.6, "relearn_area_all": 0.1,
    "refit_forget_1": 0.5, "refit_forget_5": 0.6, "depth_score": 0.9, "int4_regained": 0.0, "mia_auc": 0.5,
    "extracted_cloze": 0.1, "extracted_any": 0.2, "prompted_cloze": 0.1, "extracted_direct": 0.0, "extracted_repeated_2": 0.1,
}  # fmt: skip
Values = Mapping[str, float | None]


def measured(name: str, value: float | None, n: int = 400) -> Measurement:
    facts: dict[str, Any] = {"unit": "share", "n": n, "low": 0.0, "high": 1.0, "better": "near-retrained"}
    if name.endswith("regained"):
        facts["better"] = "lower"
    if name == "mia_auc":
        facts |= {"better": "near-ideal", "ideal": 0.5}
    return Measurement.model_validate({"name": name, "value": value, **facts})


def results(subject: str, values: Values, n: int = 400) -> list[AttackResult]:
    found = []
    for attack, kind in dict.fromkeys(ATTACKS.values()):
        mine = tuple(measured(name, value, n) for name, value in values.items() if ATTACKS[name] == (attack, kind))
        facts = {"model": "m", "splits": "s", "n": n}
        found.append(
            AttackResult.model_validate({"attack": attack, "kind": kind, "subject": subject, "measurements": mine, **facts})
        )
    return found


def judged(
    values: Values, *, gold: Sequence[Values] = (NEVER_KNEW, NEVER_KNEW), n: int = 400, subject: str = "tested"
) -> Verdict:
    controls = [one for name, seen in zip(GOLD, gold, strict=False) for one in results(name, seen, n)]
    found = [*results(subject, values, n), *results(BASE, KNOWS, n), *controls]
    return give_verdict(found, subject, base=BASE, retrained=GOLD[: len(gold)])


def but(values: Values, **others: float | None) -> Values:
    return {**values, **others}


@pytest.mark.parametrize(
    ("values", "label", "decided"),
    [
        (NEVER_KNEW, "removed to the depth tested", "relearn_area_all"),
        (KNOWS, "not forgotten", "known"),
        (but(NEVER_KNEW, known=0.3), "not forgotten", "known"),
        (but(NEVER_KNEW, target_accuracy_seen=0.3), "not forgotten", "target_accuracy_seen"),
        (but(NEVER_KNEW, rest_accuracy=0.5), "over-forgotten", "rest_accuracy"),
        (but(KNOWS, known=0.0, target_accuracy_seen=0.0, rest_accuracy=0.1), "over-forgotten", "rest_accuracy"),
        (but(NEVER_KNEW, relearn_area_all=0.6, depth_score=0.3), "suppressed", "relearn_area_all"),  # two kinds
        (but(NEVER_KNEW, refit_forget_1=0.85, refit_forget_5=0.95), "suppressed", "refit_forget_1"),  # two of one, at 7/8
        (but(NEVER_KNEW, int4_regained=0.6, relearn_area_all=0.6), "suppressed", "int4_regained"),
        (but(NEVER_KNEW, relearn_area_all=0.6), "not enough evidence", "relearn_area_all"),  # one of few
        (but(NEVER_KNEW, refit_forget_1=0.75, refit_forget_5=0.85), "not enough evidence", "refit_forget_1"),  # both at 5/8
        (but(NEVER_KNEW, extracted_cloze=0.8, extracted_any=0.9), "suppressed", "extracted_any"),  # both at 7/8
        (but(NEVER_KNEW, extracted_any=0.7, relearn_area_all=0.6), "suppressed", "extracted_any"),
        (but(NEVER_KNEW, extracted_any=0.9), "not enough evidence", "extracted_any"),  # one of few
        (but(NEVER_KNEW, extracted_cloze=0.6, extracted_any=0.7), "not enough evidence", "extracted_any"),  # both at 5/8
        (but(NEVER_KNEW, prompted_cloze=0.9, extracted_direct=1.0, extracted_repeated_2=0.9), "removed to the depth tested",
         "extracted_any"),
        (but(NEVER_KNEW, answer_confidence=0.9), "over-forgotten", "answer_confidence"),
        (but(NEVER_KNEW, mia_auc=0.3), "over-forgotten", "mia_auc"),
        (but(NEVER_KNEW, mia_auc=0.7), "not enough evidence", "mia_auc"),
        (but(NEVER_KNEW, answer_confidence=0.9, relearn_area_all=0.9, depth_score=0.0), "suppressed", "depth_score"),
    ],
)  # fmt: skip
def test_every_branch(values: Values, label: str, decided: str) -> None:
    verdict = judged(values)
    assert (verdict.label, verdict.withheld) == (label, "")
    assert decided in {clue.measurement for clue in verdict.evidence}
    assert not {clue.measurement for clue in verdict.evidence} & {clue.measurement for clue in verdict.beside}


def test_the_band_by_hand() -> None:
    """Retrained 0.1 and 0.14, base 1: twice the spread is 0.08, half of 0.88 is 0.44; 0.1 - 0.44 is cut to 0."""
    gold = (NEVER_KNEW, but(NEVER_KNEW, relearn_area_all=0.14))
    (clue,) = (clue for clue in judged(NEVER_KNEW, gold=gold).evidence if clue.measurement == "relearn_area_all")
    assert (clue.low, round(clue.high, 4), clue.base, clue.found) == (0.0, 0.58, 1.0, "inside")
    assert judged(but(NEVER_KNEW, relearn_area_all=0.59), gold=gold).label == "not enough evidence"
    assert judged(but(NEVER_KNEW, relearn_area_all=0.57), gold=gold).label == "removed to the depth tested"


def test_one_of_many_is_chance_unless_it_is_far() -> None:
    """Ten readings behind the answers, nine of them inside."""
    more = {f"relearned_{number}": ("relearn-forget", "relearning") for number in range(5)}
    with pytest.MonkeyPatch.context() as patch:
        for name, place in more.items():
            patch.setitem(ATTACKS, name, place)  # type: ignore[arg-type]
            patch.setitem(KNOWS, name, 1.0)  # type: ignore[arg-type]
            patch.setitem(NEVER_KNEW, name, 0.1)  # type: ignore[arg-type]
        near, far = (judged(but(NEVER_KNEW, relearn_area_all=value)) for value in (0.65, 0.9))
    assert near.label == "removed to the depth tested"
    assert "but for one of relearn-forget, as chance gives" in near.rule
    assert far.label == "not enough evidence"


def test_few_examples_make_wide_bands() -> None:
    """Of 5 examples, two standard errors of 0.3 and 0 are 0.41: what is a trace of 400 is chance of 5."""
    assert judged(but(NEVER_KNEW, known=0.3), n=400).label == "not forgotten"
    assert judged(but(NEVER_KNEW, known=0.3), n=5).label != "not forgotten"


def test_one_fact_alone_shows_nothing() -> None:
    """A share of one fact is 0 or 1: both occur by chance, so what is drawn out of one fact is no reading."""
    drawn = but(NEVER_KNEW, extracted_cloze=1.0, extracted_any=1.0)
    found = [*results("tested", drawn), *results(BASE, KNOWS), *(one for name in GOLD for one in results(name, NEVER_KNEW))]
    few = [
        one.model_copy(update={"measurements": tuple(m.model_copy(update={"n": 1}) for m in one.measurements)})
        if one.attack == "extract" else one
        for one in found
    ]  # fmt: skip
    label = {
        name: give_verdict(seen, "tested", base=BASE, retrained=GOLD).label for name, seen in (("many", found), ("few", few))
    }
    assert label == {"many": "suppressed", "few": "removed to the depth tested"}


def test_bands_that_reach_half_of_the_way_to_the_base_show_no_removal() -> None:
    """All recognise 0.3; of 5 examples two standard errors are 0.58, more than half of 0.7; of 400 they are 0.06."""
    some = but(NEVER_KNEW, known=0.3)
    many, few = (judged(some, gold=(some, some), n=n) for n in (400, 5))
    assert (many.label, few.label) == ("removed to the depth tested", "not enough evidence")
    assert "With 5 examples" in few.rule
    assert "audit a larger target" in few.rule


def test_a_reading_that_tells_nothing_of_the_target_is_left_out() -> None:
    """Where retrained models scatter as far as the base lies away, the reading is no evidence for anything."""
    gold = (but(NEVER_KNEW, relearn_area_all=0.1), but(NEVER_KNEW, relearn_area_all=0.9))
    verdict = judged(but(NEVER_KNEW, relearn_area_all=1.0), gold=gold)
    assert "relearn_area_all" not in {clue.measurement for clue in (*verdict.evidence, *verdict.beside)}


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (KNOWS, "not forgotten"),
        (but(NEVER_KNEW, known=0.6), "not forgotten"),
        (but(NEVER_KNEW, known=0.4), "not enough evidence"),
        (NEVER_KNEW, "not enough evidence"),
        (but(NEVER_KNEW, relearn_area_all=1.0, depth_score=0.0, refit_forget_1=0.9), "not enough evidence"),
        (but(NEVER_KNEW, rest_accuracy=0.5), "over-forgotten"),
    ],
)  # fmt: skip
def test_without_a_retrained_model_the_strongest_is_withheld(values: Values, label: str) -> None:
    verdict = judged(values, gold=())
    assert verdict.label == label
    assert "--retrained 2" in verdict.withheld


def test_one_retrained_model_shows_no_spread() -> None:
    verdict = judged(NEVER_KNEW, gold=(NEVER_KNEW,))
    assert verdict.label == "not enough evidence"
    assert "Train a second" in verdict.withheld
    assert judged(but(NEVER_KNEW, relearn_area_all=0.9, refit_forget_1=0.9), gold=(NEVER_KNEW,)).label == "suppressed"


def test_a_retrained_model_is_held_against_the_others_alone() -> None:
    gold = [results(name, NEVER_KNEW) for name in (*GOLD, "retrained (seed 1002)")]
    found = [*results(BASE, KNOWS), *(one for seen in gold for one in seen)]
    names = (*GOLD, "retrained (seed 1002)")
    assert give_verdict(found, names[2], base=BASE, retrained=names).label == "removed to the depth tested"
    two = give_verdict([*results(BASE, KNOWS), *gold[0], *gold[1]], GOLD[1], base=BASE, retrained=GOLD)
    assert (two.label, "Train a second" in two.withheld) == ("not enough evidence", True)


def test_the_model_that_depth_is_measured_by_has_no_reading_of_it() -> None:
    """The first retrained model scores 1 against itself; held against it, the second would seem to remember."""
    gold = (but(NEVER_KNEW, depth_score=1.0), but(NEVER_KNEW, depth_score=0.6))
    (clue,) = (clue for clue in judged(but(NEVER_KNEW, depth_score=0.6), gold=gold).evidence if clue.measurement == "depth_score")
    assert (clue.low, round(clue.high, 4), clue.found) == (0.3, 0.9, "inside")  # 0.6 and half of the way to 0


def test_too_few_kinds_are_not_enough() -> None:
    only = {name: NEVER_KNEW[name] for name in ("known", "target_accuracy_seen", "rest_accuracy", "relearn_area_all")}
    verdict = judged(only, gold=(only, only))
    assert verdict.label == "not enough evidence"
    assert "differ clearly in 1 of the kinds" in verdict.rule


def test_a_value_that_is_missing_decides_nothing() -> None:
    assert judged(but(NEVER_KNEW, relearn_area_all=None)).label == "removed to the depth tested"
    assert judged(but(KNOWS, known=None, target_accuracy_seen=None, rest_accuracy=None)).label == "suppressed"


def test_no_verdict_says_deleted() -> None:
    for values in (KNOWS, NEVER_KNEW, but(NEVER_KNEW, relearn_area_all=0.9, depth_score=0.0)):
        verdict = judged(values)
        assert not {"deleted", "erased", "guaranteed"} & set(f"{verdict.rule} {verdict.label}".lower().split())


def test_that_prompts_draw_nothing_out_does_not_show_a_removal() -> None:
    """With one kind that looks behind the answers, and extraction beside it, the strongest verdict is withheld."""
    seen = ("known", "target_accuracy_seen", "rest_accuracy", "relearn_area_all", "extracted_cloze", "extracted_any")
    few = {name: value for name, value in NEVER_KNEW.items() if name in seen}
    verdict = judged(few, gold=(few, few))
    assert verdict.label == "not enough evidence"
    assert "1 of the kinds of attack" in verdict.rule
