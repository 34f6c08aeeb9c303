"""What is typed becomes records, or one line that says how to type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorasteer.cli.asking import direction_of, method_settings, numbers, pairs_of, request_of, target_of
from lorasteer.errors import PlanError, RequestError
from lorasteer.records import Direction, Target
from tests.support.errors import refuses


def test_each_way_to_name_a_target() -> None:
    assert target_of(["7", "9"], None, None, None, None) == Target(classes=("7", "9"))
    assert target_of(None, "ink > 3", None, None, None) == Target(where="ink > 3")
    assert target_of(None, None, "a, b", None, None) == Target(ids=("a", "b"))
    assert target_of(None, None, None, Path("ids.txt"), None) == Target(ids_file="ids.txt")
    assert target_of(None, None, None, None, 5) == Target(random=5)


@pytest.mark.parametrize("ways", [(None, None, None, None, None), (["7"], None, None, None, 5)])
def test_exactly_one_way(ways: tuple[None, None, None, None, None]) -> None:
    with refuses(RequestError, "exactly one of --forget"):
        target_of(*ways)


def test_a_random_target_of_nothing() -> None:
    with refuses(RequestError, "random", "greater than 0"):
        target_of(None, None, None, None, 0)


def test_directions() -> None:
    assert direction_of(None, None, False, None, None) is None
    assert direction_of("slant", None, True, None, None) == Direction(attribute="slant", descending=True)
    assert direction_of("sub", ["a", "b"], False, None, None) == Direction(attribute="sub", values=("a", "b"))
    assert direction_of(None, None, False, "x,y", "z") == Direction(positive=("x", "y"), negative=("z",))
    with refuses(RequestError, "positive and negative ids are needed together"):
        direction_of(None, None, False, "x", None)


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
