"""Options are checked against the signature of what they are for."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from lorasteer.errors import DataError, PlanError
from lorasteer.tasks.vision.options import call_checked
from tests.support.errors import refuses


def make(place: str, *, size: Annotated[int, Field(ge=1)] = 8, grey: bool = False) -> tuple[str, int, bool]:
    return place, size, grey


@pytest.mark.parametrize("options", [{"size": 32, "grey": True}, {"size": "32", "grey": "true"}])
def test_text_becomes_the_declared_type(options: dict[str, object]) -> None:
    assert call_checked(make, ("here",), options, what="thing", error=DataError) == ("here", 32, True)


def test_unknown_option_names_the_nearest() -> None:
    with refuses(DataError, "thing has no option 'sise'", "'size'", "grey"):
        call_checked(make, ("here",), {"sise": 3}, what="thing", error=DataError)


def test_a_positional_argument_is_no_option() -> None:
    with refuses(DataError, "no option 'place'"):
        call_checked(make, ("here",), {"place": "there"}, what="thing", error=DataError)


@pytest.mark.parametrize("size", [0, "many", 1.5, None])
def test_value_out_of_range(size: object) -> None:
    with refuses(PlanError, "thing: option size", repr(size)):
        call_checked(make, ("here",), {"size": size}, what="thing", error=PlanError)


def test_nothing_allowed() -> None:
    def bare(place: str) -> str:
        return place

    with refuses(DataError, "takes none"):
        call_checked(bare, ("here",), {"size": 3}, what="thing", error=DataError)
