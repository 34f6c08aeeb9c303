"""The table of intensities for text: monotone, interpolated, and silent where it does not apply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.errors import RequestError
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.steer.text_intensity import COLUMNS, TABLE, level, markdown, settings_for

SHARES = st.floats(0, 1)
DEFAULTS = {name: field.default for name, field in TextAdapterSettings.model_fields.items()}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.intensity:g}")
def test_a_row_of_the_table_means_itself(row) -> None:
    assert level(row.intensity) == row


@given(SHARES, SHARES)
def test_every_column_is_monotone(one: float, other: float) -> None:
    low, high = level(min(one, other)), level(max(one, other))
    for name in ("stop_at", "least_probability"):
        assert getattr(low, name) >= getattr(high, name), name
    for name in ("retain_within", "epochs", "learning_rate", "rank", "retain"):
        assert getattr(low, name) <= getattr(high, name), name


@given(SHARES)
def test_every_level_is_a_band_that_settings_allow(intensity: float) -> None:
    found = level(intensity)
    assert found.least_probability < found.stop_at
    TextAdapterSettings.model_validate(settings_for(intensity, DEFAULTS, set()))


def test_all_columns_are_settings_of_text_adapters() -> None:
    assert set(COLUMNS) <= set(DEFAULTS)
    assert set(settings_for(0.5, DEFAULTS, set())) == {*COLUMNS, "forget_probability"}


def test_an_intensity_outside_is_refused() -> None:
    with pytest.raises(RequestError, match=r"allowed is 0 \(nothing\) to 1 \(strongest\)"):
        level(1.5)


def test_a_method_keeps_what_it_needs_or_lacks() -> None:
    assert "retain" not in settings_for(0.5, DEFAULTS, {"retain"})
    assert settings_for(0.5, {"rank": 16, "retain": 0}, set()) == {"rank": 16}


def test_the_table_is_printed() -> None:
    lines = markdown().splitlines()
    assert lines[0].startswith("| `intensity` | `stop_at` | `least_probability`")
    assert len(lines) == 2 + len(TABLE)
