"""What the pages say, without a browser: orders, bands, pictures, promises."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import torch

from lorasteer.evaluation import METRICS
from lorasteer.export import export_adapter, export_merged
from lorasteer.records import Better
from lorasteer.session.feedback import ClassAccuracy
from lorasteer.tasks.base import save_base
from lorasteer.tasks.outputs import logits_of
from lorasteer.web.pages.compare import chosen
from lorasteer.web.pages.export import OFFERS, SHOWN_BY, missing
from lorasteer.web.parts.beginning import about, promise, waiting
from lorasteer.web.parts.frame import STATES
from lorasteer.web.parts.shelf import ORDERS, found
from lorasteer.web.parts.side_by_side import CLASSES, Side, asked, band_words, class_rows, in_band, settings
from lorasteer.web.parts.side_maps import last_picture
from lorasteer.web.parts.thumbnail import KINDS, accuracy_bars, counts_of, extent_of, kinds_of, map_picture, positions_of
from lorasteer.web.views import MapFrame, MapPoints, RunView, TableRow
from tests.support.digits import forgotten, small_base
from tests.web.looks import records
from tests.web.looks.house import filled


def run(name: str, forgotten: float | None = None, created: str = "2026-01-01", target: str = "") -> RunView:
    return RunView(id=name, name=name, created=created, state="reviewing", base="b", data="d", target=target, forgotten=forgotten)


def row(value: float | None, low: float | None, high: float | None, unit: str = "share", better: Better = "lower") -> TableRow:
    return TableRow(
        metric="m", name="m", unit=unit, better=better, base="", parent="", now="", retrained="", arrow="", good=None,
        value=value, low=low, high=high,
    )  # fmt: skip


def names(runs: list[RunView]) -> list[str]:
    return [one.name for one in runs]


def test_sessions_are_found_by_every_typed_word() -> None:
    runs = [run("no cats", target="class cat"), run("no dogs", target="class dog")]
    assert names(found(runs, "CLASS dog", "newest")) == ["no dogs"]
    assert names(found(runs, "cat dog", "newest")) == []


def test_orders_put_what_has_no_number_last() -> None:
    runs = [run("b", 0.2, "2026-01-01"), run("a", None, "2026-01-03"), run("C", 0.1, "2026-01-02")]
    assert {order: "".join(names(found(runs, "", order))) for order in ORDERS} == {
        "newest": "aCb", "name": "abC", "forgotten": "Cba", "retained": "baC",
    }  # fmt: skip


def test_a_band_has_two_ends_or_one() -> None:
    assert [in_band(row(value, 0.1, 0.2)) for value in (0.1, 0.15, 0.21, None)] == [True, True, False, None]
    assert [in_band(row(0.5, None, None)), in_band(row(0.5, None, 0.4)), in_band(row(0.5, 0.4, None))] == [None, False, True]
    ends = [(0.1, 0.2), (None, 0.2), (0.0, 0.2), (0.0, None), (0.5, 0.5), (None, None)]
    said = ["10.0% to 20.0%", "20.0% or less", "20.0% or less", "0.0% or more", "50.0%", "n/a"]
    assert [band_words(row(0.1, low, high)) for low, high in ends] == said
    assert band_words(row(0.5, 0.5, 0.5, unit="auc")) == "0.5"


def test_classes_of_the_target_come_first_then_those_that_differ_most() -> None:
    sides = [Side(records.node(number), records.findings(number, 1), None) for number in (1, 3)]
    rows = class_rows(sides)
    assert [one.name for one in rows[:3]] == ["7", "9", "8"]
    assert rows[0].target
    assert rows[0].values == (records.LEFT[1], records.LEFT[3])


def test_a_class_measured_in_one_iteration_only_has_no_number_in_the_other() -> None:
    findings = records.findings(1)
    alone = ClassAccuracy(name="extra", n=1, target=0.0, base=0.5, before=0.5, after=0.25)
    more = findings.model_copy(update={"classes": (*findings.classes, alone)})
    rows = class_rows([Side(records.node(1), findings, None), Side(records.node(2), more, None)])
    assert next(one for one in rows if one.name == "extra").values == (None, 0.25)
    assert len(rows) == 11 <= CLASSES


def test_what_was_asked_names_every_setting() -> None:
    facts = asked(records.node(3))
    assert {"forget": "7", "intensity": "0.75", "after": "iteration 2"}.items() <= facts.items()
    assert settings(records.node(3)) == {"rank": "8", "epochs": "15", "learning rate": "0.0007"}
    assert asked(records.node(0)) == {"action": "base", "after": "–", "strength": "1", "why": "–"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [("1,2", (1, 2)), ("3,1,0", (0, 1, 3)), ("2", (2, 3)), ("", (2, 3)), ("1,99,x,-1,²,2,2", (1, 2)), ("9" * 5000, (2, 3))],
)
def test_whatever_the_address_says_iterations_are_chosen_that_exist(said: str, expected: tuple[int, ...]) -> None:
    assert chosen(said, records.session("r", "")) == expected


def test_a_session_without_iterations_has_one_thing_to_compare() -> None:
    assert chosen("1,2", records.session("r", "", made=0, head=0)) == (0,)


def test_bars_say_their_numbers_and_never_invent_one() -> None:
    drawn = accuracy_bars(0.031, None)
    assert 'aria-label="accuracy left on the forget set 3.1%, on the retain set n/a"' in drawn
    assert drawn.count("<rect") == 3  # two tracks, one bar


def test_points_are_told_apart_by_right_and_target() -> None:
    points = MapPoints(
        serial=1, index=(0, 1, 2, 3), ids=("a", "b", "c", "d"), labels=(0, 0, 1, 1), target=(False, False, True, True),
        answers=(0, 0, 1, 1),
    )  # fmt: skip
    frame = picture([[0, 0], [4, 0], [0, 2], [float("nan"), 0]], [0, 1, 0, 1])
    assert kinds_of(points, frame, 2).tolist() == [0, 1, 2, 3]
    assert counts_of(points, frame, 2) == (1, 1, 1, 1)
    assert extent_of([frame]) == (0.0, -1.0, 4.0)
    drawn = map_picture(points, frame, extent_of([frame]), 2, '"<b>')
    assert 'aria-label="&quot;&lt;b&gt;: 1 retained, answered rightly, 1 retained, answered wrongly' in drawn
    assert "nan" not in drawn
    assert 'd="M97.0 73.5h0"' in drawn  # 3 + 4 * 94 / 4 across, 97 - 1 * 94 / 4 down


def test_more_than_256_classes_take_two_bytes_an_answer() -> None:
    frame = picture([[0, 0], [1, 1]], [300, 2], wide=True)
    points = MapPoints(serial=1, index=(0, 1), ids=("a", "b"), labels=(300, 3), target=(True, False), answers=(300, 3))
    assert kinds_of(points, frame, 400).tolist() == [3, 1]


def test_the_picture_an_iteration_came_to_is_preferred_to_those_on_the_way() -> None:
    way, end = picture([[0, 0]], [0]).model_copy(update={"step": 5}), picture([[1, 1]], [0])
    assert [last_picture(frames) for frames in ([], [way], [way, end], [end, way])] == [None, way, end, end]


def test_a_map_without_points_is_empty_and_one_point_has_room() -> None:
    assert extent_of([]) == (0.0, 0.0, 1.0)
    assert extent_of([picture([[2, 3]], [0])]) == (1.5, 2.5, 1.0)


def test_two_thousand_points_stay_small() -> None:
    points, frame = records.points(2000), records.picture(2, 2000)
    drawn = map_picture(points, frame, extent_of([frame]), 10, "iteration 2")
    assert len(drawn) < 40_000
    assert positions_of(frame).shape == (2000, 2)
    assert len(KINDS) == 4


def picture(places: list[list[float]], answers: list[int], *, wide: bool = False) -> MapFrame:
    said = np.array(answers, "<u2" if wide else "u1").tobytes()
    return MapFrame(
        serial=1, seq=1, number=1, step=None, positions=base64.b64encode(np.array(places, "<f4").tobytes()).decode(),
        answers=base64.b64encode(said).decode(), status="settled", space="features",
    )  # fmt: skip


def test_a_promise_follows_the_table_of_intensity() -> None:
    assert promise(1.0) == "Intensity 1: aims at none of the accuracy that the base has on it."
    assert promise(0.5).startswith("Intensity 0.5: aims at 10% ")


def test_what_is_waited_for_is_said_with_its_seconds() -> None:
    assert waiting(records.BASE, 3.2) == "Training the base on digits, once: 3 s"
    assert waiting(records.BASE, 3.2, 0.42) == "Training the base on digits, once: 42%, 3 s"
    assert waiting(records.OTHER, 3.2) == "Opening the base: 3 s"
    assert about(records.OTHER) == "resnet18 on fashion-mnist, 3 classes, 91.1% right on test examples."


def test_every_measurement_that_is_spoken_of_exists() -> None:
    assert set(SHOWN_BY) <= {name.replace("-", " ") for name in METRICS.names()}


def test_only_tests_that_were_not_made_are_missing() -> None:
    findings = records.findings(1)
    assert [name for name, _ in missing(findings)] == ["Relearning", "Probes", "Stronger attacks", "Compression"]
    probed = findings.model_copy(update={"rows": (row(0.3, None, None).model_copy(update={"metric": "probe accuracy"}),)})
    assert "Probes" not in [name for name, _ in missing(probed)]
    unmeasured = findings.model_copy(update={"rows": (row(None, None, None).model_copy(update={"metric": "probe accuracy"}),)})
    assert "Probes" in [name for name, _ in missing(unmeasured)]


def test_every_state_has_words() -> None:
    from lorasteer.session.states import TRANSITIONS

    assert set(STATES) == set(TRANSITIONS)


def test_the_paper_house_keeps_the_contract() -> None:
    from lorasteer.web.house import House, Room

    house: House = filled()
    room: Room = filled().rooms["r1"]
    assert room.id == "r1"
    assert house is not None


def test_the_lines_that_are_copied_load_what_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = forgotten().change
    save_base(small_base(), tmp_path / "base")
    export_adapter(change, tmp_path / "adapter")
    export_merged(change, small_base(), tmp_path / "merged")
    monkeypatch.chdir(tmp_path)
    pixels = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    said = []
    for form in ("adapter", "merged"):
        known: dict[str, torch.nn.Module] = {}
        exec(OFFERS[form].code, known)
        with torch.no_grad():
            said.append(logits_of(known["model"](pixels)))
    assert torch.allclose(said[0], said[1], atol=1e-5)
