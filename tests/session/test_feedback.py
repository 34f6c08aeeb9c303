"""What changed, in numbers worked by hand, and in words that are spent on more than chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lorasteer.evaluation import Outputs, Predictions, Spread
from lorasteer.records import ChangeRecord, Evaluation, Iteration, Measurement, Plan, Request, Target
from lorasteer.session.answers import retain_sample
from lorasteer.session.feedback import Feedback, differences_of, feedback_on
from lorasteer.session.image_shifts import image_shifts
from lorasteer.session.shifts import SHOWN, Side
from lorasteer.tasks.splits import Holdout, Splits
from tests.evaluation.build import NOBODY, outputs
from tests.support.images import image_data

DATA = image_data(n=30)
LABELS = torch.from_numpy(DATA.train.labels)
TARGET = np.flatnonzero(DATA.train.labels == 0)
REST = np.flatnonzero(DATA.train.labels != 0)
SPLITS = Splits(TARGET, REST, TARGET, REST, Holdout("train", np.empty(0, np.int64)), DATA.digest)


def measurement(name: str, value: float | None, *, n: int = 1000, unit: str = "share") -> Measurement:
    return Measurement(name=name, value=value, unit=unit, n=n, better="lower")


def evaluation(*measured: Measurement) -> Evaluation:
    return Evaluation(subject="m", splits="s", model="m", measurements=measured)


def difference(before: Measurement, after: Measurement, floor: float | None = None) -> Any:
    spread = {} if floor is None else {after.name: Spread(floor, floor, 1)}
    (found,) = differences_of(evaluation(before), evaluation(after), spread)
    return found


@pytest.mark.parametrize(
    ("before", "after", "floor", "counts"),
    [
        (0.5, 0.54, None, False),  # two standard errors of the difference: 2 sqrt(2 * 0.25 / 1000) = 0.0447
        (0.5, 0.55, None, True),
        (0.999, 0.995, None, False),  # less than a point
        (0.5, 0.56, 0.07, False),  # less than retrained models differ by
        (0.5, 0.58, 0.07, True),
        (None, 0.5, None, False),
    ],
)
def test_a_difference_counts_when_neither_chance_nor_the_seed_explains_it(
    before: float | None, after: float, floor: float | None, counts: bool
) -> None:
    found = difference(measurement("forget_accuracy", before), measurement("forget_accuracy", after), floor)
    assert found.counts is counts
    assert found.floor == floor
    assert found.change == (None if before is None else pytest.approx(after - before))


def test_an_area_counts_beyond_two_standard_errors() -> None:
    """2 / sqrt(6 * 150) = 0.0667."""
    for after, counts in ((0.56, False), (0.57, True)):
        sides = (measurement("mia_auc", value, n=150, unit="auc") for value in (0.5, after))
        assert difference(*sides).counts is counts


def test_costs_and_metrics_of_one_side_are_left_out() -> None:
    sides = evaluation(measurement("seconds", 1.0, unit="seconds"), measurement("a", 0.1)), evaluation(measurement("b", 0.1))
    assert [found.name for found in differences_of(sides[0], sides[0], {})] == ["a"]
    assert list(differences_of(*sides, {})) == []


def answering(sure: float, *, wrong: dict[int, float] | None = None) -> Outputs:
    """Every example gets its class with probability `sure`; those in `wrong`, by position, the next class with that one."""
    probability = torch.full((30, 3), (1 - sure) / 2)
    probability[torch.arange(30), LABELS] = sure
    for place, other in (wrong or {}).items():
        probability[place] = (1 - other) / 2
        probability[place, (LABELS[place] + 1) % 3] = other
    said = Predictions(probability.log(), LABELS)
    parts = {name: said.taken(torch.isin(torch.arange(30), torch.from_numpy(SPLITS.__dict__[name]))) for name in PARTS}
    sample = torch.from_numpy(retain_sample(SPLITS))
    return outputs(**parts, retain=said.taken(torch.isin(torch.arange(30), sample)), validation=NOBODY)


PARTS = ("forget", "forget_test", "retain_test")


def iteration(**facts: Any) -> Iteration:
    plan = Plan(method="lora-ihl", splits="s", settings={"stop_at": 0.1}, **{k: v for k, v in facts.items() if k == "aim"})
    rest = {k: v for k, v in facts.items() if k != "aim"}
    return Iteration(
        number=2, parent=1, request=Request(target=Target(classes=("a",))), plan=plan, wording="class a", splits="s", sizes={},
        change=ChangeRecord(kind="adapter", base="b", tensors="t"), evaluations=(), created="now", **rest,
    )  # fmt: skip


def said_of(before: Outputs, after: Outputs, **facts: Any) -> Feedback:
    def side(number: int, said: Outputs) -> Side:
        shares = {
            f"{name}_accuracy": getattr(said, name).correct.double().mean().item()
            for name in ("forget", "forget_test", "retain_test")
        }
        return Side(number, evaluation(*(measurement(name, value, n=30) for name, value in shares.items())), said)

    base = side(0, answering(0.9))
    made, was, now = iteration(**facts), side(1, before), side(2, after)
    return feedback_on(was, now, made, image_shifts(base, was, now, made.plan, DATA, SPLITS))


def test_accuracy_of_every_class_worked_by_hand() -> None:
    """Ten test examples of each class: 0, 3 and 6 of class a, 1 of class b are answered wrongly after; 0 alone before."""
    found = said_of(answering(0.9, wrong={0: 0.8}), answering(0.9, wrong={0: 0.8, 3: 0.8, 6: 0.8, 1: 0.8}))
    rows = [(c.name, c.n, c.target, c.base, c.before, c.after) for c in found.classes]
    assert rows == [
        ("a", 10, 1.0, 1.0, pytest.approx(0.9), pytest.approx(0.7)),
        ("b", 10, 0.0, 1.0, 1.0, pytest.approx(0.9)),
        ("c", 10, 0.0, 1.0, 1.0, 1.0),
    ]
    assert (found.before, found.after) == (1, 2)


def test_the_examples_that_changed_most_are_named_with_how_sure() -> None:
    """Of the target, example 6 went from 0.9 to 0.02 for its class, example 3 to 0.1; of the others only example 1 moved."""
    found = said_of(answering(0.9), answering(0.9, wrong={3: 0.8, 6: 0.96, 1: 0.7}))
    target = [moved for moved in found.examples if moved.target]
    assert [(m.id, m.part, m.label, m.before, m.after) for m in target] == [
        ("train/00006", "train", "a", "a", "b"),
        ("test/00006", "test", "a", "a", "b"),
        ("train/00003", "train", "a", "a", "b"),
        ("test/00003", "test", "a", "a", "b"),
    ]
    assert (target[0].sure_before, target[0].sure_after) == (pytest.approx(0.9), pytest.approx(0.96))
    rest = [(m.id, m.label, m.after) for m in found.examples if not m.target]
    assert rest == [("train/00001", "b", "c"), ("test/00001", "b", "c")]


def test_no_more_than_a_few_examples_are_shown() -> None:
    found = said_of(answering(0.9), answering(0.9, wrong=dict.fromkeys(range(30), 0.8)))
    assert [moved.target for moved in found.examples] == [True] * SHOWN + [False] * SHOWN


def test_words_say_what_counts_with_its_band_and_what_the_verdict_said() -> None:
    wrong = dict.fromkeys(TARGET.tolist(), 0.8)
    found = said_of(answering(0.9), answering(0.9, wrong=wrong), remarks=("over-forgotten: as told.",))
    assert found.words == (
        "since iteration 1: forget accuracy fell from 100.00% to 0.00%.",
        "since iteration 1: forget test accuracy fell from 100.00% to 0.00%.",
        "over-forgotten: as told.",
    )
    floor = said_of(answering(0.9), answering(0.9, wrong=wrong), floor={"forget_accuracy": (0.05, 0.1, 1)})
    assert floor.words[0].endswith("from 100.00% to 0.00%; retrained models differ by up to 10.00%.")


def test_words_say_when_nothing_counts() -> None:
    assert said_of(answering(0.9), answering(0.9), aim="match-unseen").words == (
        "nothing since iteration 1 is more than chance would explain.",
    )


def test_too_little_is_named_by_the_plans_own_aim() -> None:
    """A tenth of the base's 100 % is asked for; six of ten are still right."""
    found = said_of(answering(0.9), answering(0.9, wrong=dict.fromkeys(TARGET[:4].tolist(), 0.8)))
    words = "under-forgotten: accuracy on the forget set is 60.0%, the plan asks for 10.0% or less; continue, or adjust."
    assert words in found.words
    match = said_of(answering(0.9), answering(0.9, wrong=dict.fromkeys(TARGET[:4].tolist(), 0.8)), aim="match-unseen")
    assert not any(line.startswith("under-forgotten") for line in match.words)


def test_retained_classes_that_lost_are_named() -> None:
    found = said_of(answering(0.9), answering(0.9, wrong=dict.fromkeys(REST[::2].tolist(), 0.8)))
    assert found.words[-1] == "retained classes that lost most since the base: b 100.0% to 0.0%."


def test_answers_that_are_no_numbers_name_no_examples() -> None:
    broken = answering(0.9)
    broken.forget.logits[0, 0] = torch.nan
    assert [moved for moved in said_of(answering(0.9), broken).examples if moved.part == "train" and moved.target] == []
