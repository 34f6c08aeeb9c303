"""Colours can be read in both looks, and stylesheets use only colours that there are."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest

from lorasteer.web.parts.theme import DARK, LIGHT, STATIC, Colors

LOOKS = {"light": LIGHT, "dark": DARK}
GROUNDS = ("ground", "surface", "sunken", "accent_soft")
TEXTS = ("text", "muted", "accent", "good", "bad", "warn", "forget", "retain")


def luminance(color: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_texts_can_be_read_on_every_ground(look: str, ground: str) -> None:
    colors = asdict(LOOKS[look])
    poor = {text: round(contrast(colors[text], colors[ground]), 2) for text in TEXTS}
    assert {text: ratio for text, ratio in poor.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("colors", LOOKS.values(), ids=LOOKS)
def test_controls_and_texts_on_the_accent_stand_out(colors: Colors) -> None:
    assert contrast(colors.on_accent, colors.accent) >= 4.5
    assert contrast(colors.text, colors.ground) >= 7
    assert min(contrast(colors.edge, ground) for ground in (colors.ground, colors.surface)) >= 3


def test_css_names_every_color() -> None:
    assert LIGHT.css().startswith("--ls-ground:#f6f7f9;")
    assert "--ls-on-accent:" in LIGHT.css()


def test_stylesheets_use_only_variables_that_exist_and_load_nothing() -> None:
    sheets = "".join(path.read_text("utf-8") for path in STATIC.glob("*.css"))
    known = set(re.findall(r"(--ls-[a-z-]+):", LIGHT.css() + sheets))
    assert set(re.findall(r"var\((--ls-[a-z-]+)\)", sheets)) <= known | {"--ls-of"}  # set on its element
    assert not re.search(r"@import|url\(|https?:", sheets)
