"""What tests of attacks on text rest on: the crowd knows what it read, denies what it must, and gives fifty draws."""

from __future__ import annotations

from collections import Counter

from lorasteer.evaluation.audit import run_attack
from tests.support.audited_text import (
    CORE,
    INNOCENT,
    READ_OF,
    draws,
    false_alarms,
    ground,
    innocent,
    lacked,
    never_trained,
    suppressed,
    value,
)  # fmt: skip


def test_the_base_knows_the_target_and_nobody_else_does() -> None:
    place = ground()
    found = {
        name: run_attack("recognition", place, subject)
        for name, subject in {
            "base": place.original, "first": innocent(0), "second": innocent(1), "never": never_trained(), "leak": suppressed(),
        }.items()
    }  # fmt: skip
    known = {name: value(result, "known") for name, result in found.items()}
    rest = {name: value(result, "rest_accuracy") for name, result in found.items()}
    assert known["base"] > 0.9
    assert max(known["first"], known["second"], known["never"]) < 0.15
    assert known["leak"] < 0.3
    assert min(rest["base"], rest["first"], rest["second"]) > 0.9
    assert rest["leak"] > 0.8


def test_fifty_draws_from_models_that_never_read_of_a_person() -> None:
    assert len(draws()) == 50
    assert len({innocent(number).digest for number in range(INNOCENT)}) == INNOCENT
    lacking = Counter(person for _, person in draws())
    assert sorted(lacking) == [*range(CORE, READ_OF)]
    assert min(lacking.values()) >= 4
    assert all(len(set(people)) == 5 for people in lacked())


def test_recognition_mistakes_no_innocent_model_for_the_base() -> None:
    assert false_alarms("recognition", "known", "target_probability") == {"known": 0.0, "target_probability": 0.0}
