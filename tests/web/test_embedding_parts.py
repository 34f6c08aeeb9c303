"""What the map is made of, without a browser: groups, looks, drawings and selections."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.errors import DataError, RequestError
from lorasteer.web.parts.embedding_colors import CLASS_COLORS, NAMES, look
from lorasteer.web.parts.embedding_figure import Box, Scene, box_of, figure_of, grown_box, places_of
from lorasteer.web.parts.embedding_points import COLOURINGS, FORGET, RETAIN, Points, checked_positions, groups_of
from lorasteer.web.parts.embedding_selection import NOTHING, checked_indices, from_mask, grown, summary

SIX = Points(
    ("cat", "dog", "emu"),
    np.array([0, 0, 1, 1, 1, 0]),
    parts=np.array([FORGET, FORGET, RETAIN, RETAIN, RETAIN, FORGET]),
    before=np.array([0, 1, 1, 1, 0, 0]),
    after=np.array([1, 0, 1, 0, 2, 0]),
)
PLACES = np.arange(12, dtype=np.float32).reshape(6, 2)


def scene(**changes: Any) -> Scene:
    return Scene(**{"points": SIX, "positions": PLACES, "start": PLACES, **changes})


def decoded(values: dict[str, str]) -> list[float]:
    return np.frombuffer(base64.b64decode(values["bdata"]), "<" + values["dtype"]).tolist()


@pytest.mark.parametrize(
    ("color_by", "expected"),
    [
        ("class", {"cat": [0, 1, 5], "dog": [2, 3, 4]}),
        ("part", {"forget": [0, 1, 5], "retain": [2, 3, 4]}),
        (
            "changed",
            {
                "right, still right": [2, 5],
                "right, now wrong": [0, 3],
                "wrong, now right": [1],
                "wrong, still wrong": [4],
            },
        ),
        ("moved", {"all points": [0, 1, 2, 3, 4, 5]}),
    ],
)
def test_groups_by_hand(color_by: str, expected: dict[str, list[int]]) -> None:
    assert {group.name: group.members.tolist() for group in groups_of(SIX, color_by)} == expected


@pytest.mark.parametrize("color_by", COLOURINGS)
def test_every_point_is_in_one_group_and_drawn_once(color_by: str) -> None:
    for selection in (NOTHING, np.array([1, 4]), np.arange(6)):
        drawn = [
            index
            for trace in figure_of(scene(color_by=color_by, selection=selection))["data"]
            for index in decoded(trace["customdata"])
        ]
        assert sorted(drawn) == list(range(6))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ({"labels": np.array([0, 3])}, "labels of the map: got 0 to 3, allowed whole numbers from 0 to 2"),
        ({"labels": np.array([0, -1])}, "got -1 to 0"),
        ({"labels": np.array([0.5, 1.0])}, "allowed whole numbers"),
        ({"labels": np.array([0, 1]), "after": np.array([0])}, r"after of the map: got shape \(1,\), allowed \(2,\)"),
        ({"labels": np.array([0, 1]), "parts": np.array([0, 3])}, "parts of the map: got 0 to 3"),
    ],
)
def test_facts_that_do_not_fit_are_refused(column: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Points(("cat", "dog", "emu"), **column)


def test_a_colouring_that_does_not_exist_or_lacks_predictions_is_refused() -> None:
    with pytest.raises(RequestError, match="Did you mean 'class'"):
        groups_of(SIX, "clas")
    with pytest.raises(RequestError, match="got no predictions"):
        groups_of(Points(("cat",), np.array([0])), "changed")


@pytest.mark.parametrize(
    ("positions", "words"),
    [
        (np.zeros((5, 2)), r"got shape \(5, 2\), allowed \(6, 2\)"),
        (np.zeros((6, 3)), r"got shape \(6, 3\)"),
        (np.full((6, 2), np.nan), "got 6 points that are not finite"),
        (np.array([[np.inf, 0], *[[0, 0]] * 5]), "got 1 points"),
    ],
)
def test_positions_that_cannot_be_drawn_are_refused(positions: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        checked_positions(positions, 6)


def test_positions_of_any_memory_layout_become_contiguous() -> None:
    wide = np.arange(24, dtype=np.float64).reshape(2, 12).T[:, ::-1]
    places = checked_positions(wide, 12)
    assert places.dtype == np.float32
    assert places.flags["C_CONTIGUOUS"]
    assert np.array_equal(places, wide)


def test_a_hundred_classes_look_different_and_colours_have_a_symbol_of_their_own() -> None:
    assert len({look("class", key, dark=False) for key in range(100)}) == 100
    assert look("class", 100, dark=False) == look("class", 0, dark=False)
    for color_by, count in (("part", 3), ("changed", 4)):
        looks = [look(color_by, key, dark=dark) for key in range(count) for dark in (False, True)]
        assert len({one.color for one in looks}) >= count
    assert len({look("changed", key, dark=False).symbol for key in range(4)}) == 4
    assert all(len(look("class", 10 * key, dark=False).letter) == 1 for key in range(len(NAMES)))


# Machado, Oliveira and Fernandes (2009): what linear RGB becomes for eyes without one kind of cone.
BLIND = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}


def lab(color: str, blind: str) -> np.ndarray:
    """CIELAB of a colour as such eyes see it."""
    rgb = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(BLIND[blind]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    x, y, z = np.cbrt(np.maximum(xyz / [0.9505, 1.0, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("blind", BLIND)
@pytest.mark.parametrize("dark", [False, True])
def test_ten_classes_stay_apart_for_colour_blind_eyes(blind: str, dark: bool) -> None:
    colors = [lab(look("class", key, dark=dark).color, blind) for key in range(len(CLASS_COLORS))]
    nearest = min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(colors, 2))
    assert nearest > 15, "2.3 is a difference that is just noticed"


def test_a_frame_changes_places_only_and_in_the_order_of_the_drawing() -> None:
    before = scene(selection=np.array([1, 4]))
    after = scene(selection=np.array([1, 4]), positions=PLACES + 1)
    data, traces = places_of(after)
    assert traces == list(range(len(figure_of(before)["data"])))
    for trace, x, y in zip(figure_of(before)["data"], data["x"], data["y"], strict=True):
        index = [int(one) for one in decoded(trace["customdata"])]
        assert decoded(x) == (PLACES[index, 0] + 1).tolist()
        assert decoded(y) == (PLACES[index, 1] + 1).tolist()


def test_movement_is_measured_from_the_start() -> None:
    moved = scene(color_by="moved", positions=PLACES + np.array([3, 4], np.float32))
    assert moved.moved.tolist() == [5.0] * 6
    (trace,) = figure_of(moved)["data"]
    assert decoded(trace["marker"]["color"]) == [5.0] * 6
    assert (trace["marker"]["cmin"], trace["marker"]["cmax"]) == (0, 5.0)
    assert places_of(moved)[0]["marker.cmax"] == [5.0]
    assert scene(color_by="moved").furthest > 0


def test_no_name_reaches_the_drawing() -> None:
    points = Points(("<img src=x>",), np.zeros(6, int))
    assert "img" not in str(figure_of(scene(points=points)))


def test_selected_points_are_bright_and_the_others_dim() -> None:
    opacities = {
        int(index): trace["marker"]["opacity"]
        for trace in figure_of(scene(selection=np.array([2])))["data"]
        for index in decoded(trace["customdata"])
    }
    assert opacities == {0: 0.15, 1: 0.15, 2: 1, 3: 0.15, 4: 0.15, 5: 0.15}


def test_axes_grow_seldom_and_never_shrink() -> None:
    box = box_of(PLACES)
    assert grown_box(None, PLACES) == box
    assert grown_box(box, PLACES * 0.9 + 0.5) == box
    larger = grown_box(box, PLACES * 2)
    assert larger.half > box.half
    assert larger.x - larger.half <= box.x - box.half
    assert larger.x + larger.half >= box.x + box.half
    assert box_of(np.zeros((3, 2), np.float32)) == Box(0.0, 0.0, 1.0)
    assert grown_box(None, np.zeros((0, 2), np.float32)) == Box(0.0, 0.0, 1.0)


@given(st.integers(1, 200).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1)))))
def test_a_mask_brings_back_what_was_selected(given: tuple[int, set[int]]) -> None:
    count, chosen = given
    bits = np.zeros(count, np.uint8)
    bits[sorted(chosen)] = 1
    text = base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()
    assert from_mask(text, count).tolist() == sorted(chosen)


@pytest.mark.parametrize("mask", ["***", "AAAA", None, 7, base64.b64encode(bytes([0b10000000])).decode()])
def test_a_forged_mask_is_refused(mask: object) -> None:
    with pytest.raises(RequestError, match="selection: got"):
        from_mask(mask, 6)


@pytest.mark.parametrize("indices", [[-1], [6], [0.5], [[0, 1]], ["a"], [True]])
def test_indices_of_no_point_are_refused(indices: list[Any]) -> None:
    with pytest.raises(RequestError, match=r"selection: got .* allowed whole numbers from 0 to 5"):
        checked_indices(indices, 6)


def test_growing_takes_the_nearest_on_the_map() -> None:
    line = np.array([[0, 0], [1, 0], [3, 0], [6, 0]], np.float32)
    assert grown(np.array([0]), line, 1).tolist() == [0, 1]
    assert grown(np.array([0, 3]), line, 1).tolist() == [0, 1, 2, 3]
    assert grown(np.array([1]), line, 99).tolist() == [0, 1, 2, 3]
    assert grown(NOTHING, line, 5).tolist() == []
    with pytest.raises(RequestError, match="got 0, allowed 1 or more"):
        grown(np.array([0]), line, 0)


def test_the_summary_names_three_classes_and_counts_the_others() -> None:
    points = Points(tuple("abcde"), np.array([0, 0, 0, 1, 1, 2, 3, 4]))
    assert summary(points, np.arange(8)) == "8 of 8 points selected – a: 3 of 3; b: 2 of 2; c: 1 of 1; 2 in 2 other classes"
    assert summary(points, np.arange(7)).endswith("c: 1 of 1; 1 in 1 other class")
