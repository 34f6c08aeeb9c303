"""The intensity table: monotone, interpolated, documented, and silent where it does not apply."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.errors import RequestError
from lorasteer.steer.intensity import TABLE, level, markdown, settings_for

SHARES = st.floats(0, 1)
RISING = ("margin", "epochs", "learning_rate", "rank", "retain")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.intensity:g}")
def test_a_row_of_the_table_means_itself(row) -> None:
    assert level(row.intensity) == row


@given(SHARES, SHARES)
def test_every_column_is_monotone(one: float, other: float) -> None:
    low, high = level(min(one, other)), level(max(one, other))
    assert low.stop_at >= high.stop_at
    for name in RISING:
        assert getattr(low, name) <= getattr(high, name), name


@given(SHARES)
def test_every_level_is_allowed(intensity: float) -> None:
    found = level(intensity)
    assert 0 <= found.stop_at <= 1
    assert 0 < found.margin <= 1
    assert found.learning_rate > 0
    assert found.rank >= 1
    assert all(isinstance(value, int) for value in (found.epochs, found.rank, found.retain))
    assert (found.epochs == 0) == (intensity == 0)


def test_the_table_spans_nothing_to_all() -> None:
    assert [row.intensity for row in TABLE] == sorted({row.intensity for row in TABLE})
    assert (TABLE[0].intensity, TABLE[0].stop_at, TABLE[0].epochs) == (0, 1, 0)
    assert (TABLE[-1].intensity, TABLE[-1].stop_at) == (1, 0)
    assert all(0 < row.margin <= 1 for row in TABLE)


def test_learning_rates_are_interpolated_in_their_logarithm() -> None:
    """Half-way between two rows is the geometric mean of their learning rates and the arithmetic mean of their margins."""
    below, above = TABLE[2], TABLE[3]
    found = level((below.intensity + above.intensity) / 2)
    assert found.learning_rate == pytest.approx(math.sqrt(below.learning_rate * above.learning_rate), rel=1e-5)
    assert found.margin == pytest.approx((below.margin + above.margin) / 2)


@pytest.mark.parametrize("intensity", [-0.1, 1.01, math.nan])
def test_an_intensity_outside_is_refused(intensity: float) -> None:
    with pytest.raises(RequestError, match=r"allowed is 0 \(nothing\) to 1 \(strongest\)"):
        level(intensity)


ADAPTER = {"rank": 8, "epochs": 10, "learning_rate": 2e-3, "retain": 1000, "stop_at": 0.0, "margin": 0.5, "dropout": 0.1}


def test_an_adapter_that_forgets_takes_every_column_it_has() -> None:
    assert settings_for(1, ADAPTER, {"labels"}) == {
        "stop_at": 0.0, "margin": 0.7, "epochs": 15, "learning_rate": 2e-3, "rank": 8, "retain": 2000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "needs", "left_out"),
    [
        ({}, {"retain"}, {"retain"}),
        ({"retain": 0}, set(), {"retain"}),
        ({"stop_at": None}, set(), {"stop_at"}),
        ({"rank": ...}, set(), {"rank", "epochs", "learning_rate", "retain"}),
        ({"margin": ..., "stop_at": ...}, set(), {"margin", "stop_at"}),
    ],
)
def test_a_method_keeps_its_own_value_where_the_table_says_nothing_about_it(change, needs, left_out) -> None:
    defaults = {name: value for name, value in {**ADAPTER, **change}.items() if value is not ...}
    assert set(settings_for(0.5, ADAPTER, set())) - set(settings_for(0.5, defaults, needs)) == left_out


def test_the_documentation_shows_every_row() -> None:
    lines = markdown().splitlines()
    assert lines[0] == "| `intensity` | `stop_at` | `margin` | `epochs` | `learning_rate` | `rank` | `retain` |"
    assert len(lines) == 2 + len(TABLE)
    for line, row in zip(lines[2:], TABLE, strict=True):
        cells = [float(cell) for cell in line.strip("| ").split("|")]
        expected = (row.intensity, row.stop_at, row.margin, row.epochs, row.learning_rate, row.rank, row.retain)
        assert cells == pytest.approx(expected)
