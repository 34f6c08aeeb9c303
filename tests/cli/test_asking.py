"""What is typed becomes records, or one line that says how to type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorasteer.cli.asking import asked_for, direction_of, method_settings, numbers, pairs_of, request_of, target_of
from lorasteer.cli.options import DirectionWords, RequestWords, TargetWords
from lorasteer.errors import PlanError, RequestError
from lorasteer.records import Direction, Request, Target
from tests.support.errors import refuses


def test_each_way_to_name_a_target() -> None:
    assert target_of(TargetWords(forget=["7", "9"])) == Target(classes=("7", "9"))
    assert target_of(TargetWords(where="ink > 3")) == Target(where="ink > 3")
    assert target_of(TargetWords(keyword="Basil")) == Target(keyword="Basil")
    assert target_of(TargetWords(ids="a, b")) == Target(ids=("a", "b"))
    assert target_of(TargetWords(ids_file=Path("ids.txt"))) == Target(ids_file="ids.txt")
    assert target_of(TargetWords(random=5)) == Target(random=5)


@pytest.mark.parametrize("words", [TargetWords(), TargetWords(forget=["7"], random=5)], ids=["none", "two"])
def test_exactly_one_way(words: TargetWords) -> None:
    with refuses(RequestError, "exactly one of --forget"):
        target_of(words)


def test_a_random_target_of_nothing() -> None:
    with refuses(RequestError, "random", "greater than 0"):
        target_of(TargetWords(random=0))


def test_directions() -> None:
    assert direction_of(DirectionWords()) is None
    assert direction_of(DirectionWords(attribute="slant", descending=True)) == Direction(attribute="slant", descending=True)
    assert direction_of(DirectionWords("sub", ["a", "b"])) == Direction(attribute="sub", values=("a", "b"))
    assert direction_of(DirectionWords(positive="x,y", negative="z")) == Direction(positive=("x", "y"), negative=("z",))
    assert direction_of(DirectionWords(sentence="where she lives")) == Direction(sentence="where she lives")
    with refuses(RequestError, "exactly one of an attribute, a sentence"):
        direction_of(DirectionWords("sub", sentence="where she lives"))
    with refuses(RequestError, "positive and negative ids are needed together"):
        direction_of(DirectionWords(positive="x"))


def test_a_whole_request() -> None:
    words = RequestWords(TargetWords(forget=["7"]), intensity=0.75, setting=["epochs=2"], seed=3)
    assert asked_for(words) == Request(target=Target(classes=("7",)), intensity=0.75, settings={"epochs": 2}, seed=3)


def test_a_request_out_of_range() -> None:
    with refuses(RequestError, "intensity", "got 3.0"):
        request_of(Target(random=5), intensity=3.0)


def test_settings_have_the_types_of_their_method() -> None:
    words = ["rank=4", "learning-rate=1e-3", "stop_at=none", "layers=fc3", "anchor=kl"]
    expected = {"rank": 4, "learning_rate": 0.001, "stop_at": None, "layers": ("fc3",), "anchor": "kl"}
    assert method_settings("lora-ihl", words) == expected
    assert method_settings("lora-ihl", ["layers=fc2, fc3"]) == {"layers": ("fc2", "fc3")}
    with refuses(PlanError, "unknown method"):
        method_settings("nope", [])


def test_a_setting_needs_its_sign() -> None:
    assert pairs_of(None) == {}
    assert pairs_of(["a=b=c"]) == {"a": "b=c"}
    with refuses(PlanError, "'epochs' is not name=value"):
        pairs_of(["epochs"])


def test_lists_of_numbers() -> None:
    assert numbers("0, 2", what="--seeds") == (0, 2)
    for wrong in ("", "one", "-1"):
        with refuses(RequestError, "--seeds"):
            numbers(wrong, what="--seeds")
