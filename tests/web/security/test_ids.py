"""Ids: what the store makes passes, everything that could lead elsewhere does not, decoded or not."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.web.security import Refusal, check_id
from tests.support.errors import refuses

BAD = [
    "..", ".", "", "a/b", "a\\b", "../x", "a\0", "a\n", "\n", "A", "a b", "%2e%2e", "%252e%252e", "%25252e", "..%2f", "%5c",
    "%00", "-a", "a.json", "\u2025", "\uff0e\uff0e", "a\u2024", "\u0661", "a:b", "~", "a" * 65, "a;b", "a'b", "*",
]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}", "a" * 64, secrets.token_hex(16), "0"],
    ids=["run", "digest", "upload", "shortest"],
)
def test_ids_of_the_store_pass(name: str) -> None:
    assert check_id(name) == name


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_id_is_refused_however_often_it_is_encoded(name: str) -> None:
    for text in (name, quote(name, safe=""), quote(quote(name, safe=""), safe="")):
        with refuses(Refusal, "is no id"):
            check_id(text)


def test_an_id_that_is_none_is_a_bad_request() -> None:
    with pytest.raises(Refusal) as caught:
        check_id("..", "run")
    assert caught.value.status == 400


@given(st.text())
def test_what_passes_means_the_same_however_often_it_is_decoded(text: str) -> None:
    try:
        name = check_id(text)
    except Refusal:
        return
    assert unquote(unquote(name)) == name
    assert set(name) <= set("0123456789abcdefghijklmnopqrstuvwxyz-")
