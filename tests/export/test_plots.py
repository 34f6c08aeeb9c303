"""Plots are well-formed, put numbers where they belong, and name themselves for those who do not see them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from lorasteer.export.plots import HEIGHT, WIDTH, Dots, Line, dot_plot, key, line_plot, strip

RISING = Line("a <b>", "tested", (0.0, 1.0, 2.0), (0.0, 0.5, 1.0))


def elements(svg: str, name: str, look: str = "") -> list[ElementTree.Element]:
    found = ElementTree.fromstring(svg).iter(name)
    return [one for one in found if look in (one.get("class") or "")]


def places(svg: str, look: str) -> list[tuple[float, float]]:
    (line,) = elements(svg, "polyline", look)
    pairs = (pair.split(",") for pair in str(line.get("points")).split())
    return [(float(x), float(y)) for x, y in pairs]


def test_numbers_lie_where_they_belong() -> None:
    """The plot is 58 … 428 wide and 12 … 236 high: half way is at 243 and 124."""
    svg = line_plot("t", [RISING], x_label="x", y_label="y")
    assert places(svg, "tested") == [(58.0, 236.0), (243.0, 124.0), (428.0, 12.0)]
    assert [mark.get("cx") for mark in elements(svg, "circle")] == ["58.0", "243.0", "428.0"]


def test_a_plot_says_what_it_is() -> None:
    svg = line_plot("how <it> went", [RISING], x_label="steps & more", y_label="y")
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root[0].text == "how <it> went"
    assert "steps & more" in {text.text for text in root.iter("text")}
    assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"


def test_powers_of_ten_have_equal_distances() -> None:
    line = Line("roc", "tested", (0.0, 0.01, 0.1, 1.0), (0.0, 0.2, 0.5, 1.0))
    found = places(line_plot("t", [line], x_label="x", y_label="y", logarithmic=True, diagonal=True), "tested")
    assert [x for x, _ in found] == pytest.approx([58, 58, 243, 428])  # what lies at 0 is left at the edge


def test_a_band_goes_there_and_back() -> None:
    banded = RISING._replace(low=(0.0, 0.4, 0.9), high=(0.1, 0.6, 1.0))
    (band,) = elements(line_plot("t", [banded], x_label="x", y_label="y"), "polygon")
    assert len(str(band.get("points")).split()) == 6


def test_places_with_names_are_named_and_not_too_many() -> None:
    names = [f"layer {place}" for place in range(20)]
    line = Line("a", "tested", [float(place) for place in range(20)], [0.5] * 20)
    written = [text.text or "" for text in elements(line_plot("t", [line], x_label="x", y_label="y", ticks=names), "text")]
    assert [text for text in written if text.startswith("layer")] == [f"layer {place}" for place in range(0, 20, 3)]


@pytest.mark.parametrize("values", [(0.0, 0.0), (-3.0, -3.0), (5.0, 5.0), (0.0, 1e-9), (-2.0, 40.0)])
def test_any_numbers_can_be_drawn(values: tuple[float, float]) -> None:
    svg = line_plot("t", [Line("a", "base", (0.0, 1.0), values)], x_label="x", y_label="y")
    assert all(-1 <= y <= HEIGHT + 1 for _, y in places(svg, "base"))
    ElementTree.fromstring(line_plot("t", [Line("a", "base", (3.0,), values[:1])], x_label="x", y_label="y"))


def test_points_keep_their_distances() -> None:
    svg = dot_plot("t", [Dots("target", "target", [(0.0, 0.0), (4.0, 0.0)]), Dots("others", "others", [(0.0, 3.0)])])
    (ax, ay), (bx, by), (cx, cy) = ((float(str(c.get("cx"))), float(str(c.get("cy")))) for c in elements(svg, "circle"))
    assert bx - ax == pytest.approx(256)  # the widest side fills 280 less two margins of 12
    assert ay - cy == pytest.approx(192, abs=0.2)  # up is up, and 3 is three quarters of 4
    assert (by, cx) == (ay, ax)
    ElementTree.fromstring(dot_plot("t", [Dots("one", "target", [(1.0, 1.0)])]))


def test_a_strip_shows_value_band_and_base() -> None:
    svg = strip("t", 0.5, 0.0, 0.25, 1.0)
    (band,) = elements(svg, "rect")
    assert (band.get("x"), band.get("width")) == ("8.0", "41.0")  # a quarter of 164
    marks = {str(mark.get("class")): mark.get("cx") for mark in elements(svg, "circle")}
    assert marks == {"value-mark": "90.0", "base-mark": "172.0"}
    assert len(elements(strip("t", 0.5, 0.5, 0.5, None), "circle")) == 1


def test_a_key_names_each_label_once() -> None:
    entries = re.findall(r"<li>.*?</li>", key([RISING, RISING, Dots("dots", "target", [])]))
    assert len(entries) == 2
    assert "a &lt;b&gt;" in entries[0]
