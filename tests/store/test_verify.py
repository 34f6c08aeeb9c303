"""`verify` is silent on a clean store and names every planted alteration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lorasteer.records import Event, Iteration
from lorasteer.store import RunStore
from lorasteer.store.rows import EVENT_COLUMNS
from tests.support.kept import RUN, adapter, filled
from tests.support.planted import blob, edit, edited_alpha, flip, flipped_bit, foreign_base


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    kept = filled(tmp_path)
    kept.move(RUN, head=2, state="reviewing", actor="me", action="undo")
    assert kept.verify() == []
    return kept


def flipped_bit_of_the_optimiser(store: RunStore) -> None:
    flip(blob(store, 1, "resume") / "resume.safetensors")


def missing_blob(store: RunStore) -> None:
    blob(store, 1).rename(store.root / "gone")


def foreign_change(store: RunStore) -> None:
    """The blob of a change for another base of equal shape, under the name that the row has."""
    foreign = RunStore(store.root)._blobs.keep_change(adapter(1, of=1))
    target = blob(store, 1)
    target.rename(store.root / "gone")
    (store.root / "blobs" / foreign).rename(target)


def swapped_blobs(store: RunStore) -> None:
    names = [blob(store, number).name for number in (1, 2)]
    edit(store, *[f"UPDATE iterations SET change = '{name}' WHERE number = {n}" for n, name in zip((2, 1), names, strict=True)])


def edited_metric(store: RunStore) -> None:
    edit(store, "UPDATE iterations SET record = replace(record, '\"value\": 0.5', '\"value\": 0.1') WHERE number = 1")


def edited_reason(store: RunStore) -> None:
    edit(store, "UPDATE events SET why = 'by order' WHERE seq = 3")


def removed_event(store: RunStore) -> None:
    edit(store, "DELETE FROM events WHERE seq = 3")


def removed_last_event(store: RunStore) -> None:
    edit(store, "DELETE FROM events WHERE seq = 5")


def removed_event_closed_up(store: RunStore) -> None:
    moves = ((4, 3), (5, 4))
    edit(store, "DELETE FROM events WHERE seq = 3", *[f"UPDATE events SET seq = {to} WHERE seq = {seq}" for seq, to in moves])


def removed_log(store: RunStore) -> None:
    edit(store, "DELETE FROM events")


def reordered_events(store: RunStore) -> None:
    moves = ((3, 99), (4, 3), (99, 4))
    edit(store, *[f"UPDATE events SET seq = {to} WHERE seq = {place}" for place, to in moves])


def forged_event(store: RunStore) -> None:
    """An event with a hash of its own that fits, in the place of another."""
    old = store.events(RUN)[2]
    new = Event.sealed(**old.model_copy(update={"actor": "nobody"}).model_dump(exclude={"hash"}))
    values = {**new.model_dump(mode="json"), "detail": json.dumps(new.detail)}
    marks = ", ".join(f"{name} = '{values[name]}'" for name in EVENT_COLUMNS)
    edit(store, f"UPDATE events SET {marks} WHERE seq = 3")


def unreadable_event(store: RunStore) -> None:
    edit(store, "UPDATE events SET detail = '{' WHERE seq = 3")


def moved_head(store: RunStore) -> None:
    edit(store, "UPDATE runs SET head = 3")


def head_nowhere(store: RunStore) -> None:
    edit(store, "UPDATE runs SET head = 9")


def removed_iteration(store: RunStore) -> None:
    edit(store, "DELETE FROM iterations WHERE number = 2")


def slipped_in_iteration(store: RunStore) -> None:
    edit(store, "INSERT INTO iterations SELECT run, 4, 3, change, resume, record FROM iterations WHERE number = 3")


def unreadable_iteration(store: RunStore) -> None:
    edit(store, "UPDATE iterations SET record = '{' WHERE number = 1")


def unreadable_run(store: RunStore) -> None:
    edit(store, "UPDATE runs SET versions = '{'")


def removed_guards(store: RunStore) -> None:
    edit(store)


def stray_row(store: RunStore) -> None:
    edit(store, "INSERT INTO iterations SELECT 'nobody', 1, 0, change, resume, record FROM iterations WHERE number = 1")


PLANTED = {
    flipped_bit: ("iteration 1", "adapter_model.safetensors was altered"),
    flipped_bit_of_the_optimiser: ("iteration 1", "resume.safetensors was altered"),
    edited_alpha: ("iteration 1", "adapter_config.json was altered"),
    missing_blob: ("iteration 1", "is missing from"),
    foreign_change: ("iteration 1", "manifest.json was altered"),
    swapped_blobs: ("iteration 1", "but the iteration names"),
    foreign_base: ("iteration 1", "was made for base"),
    edited_metric: ("iteration 1", "its record is not the one that the log names"),
    edited_reason: ("event 3", "was edited"),
    removed_event: ("event 4", "event 3 is missing before it"),
    removed_last_event: (f"run {RUN}", "events were removed"),
    removed_event_closed_up: ("event 3", "was edited"),
    removed_log: (f"run {RUN}", "events were removed"),
    reordered_events: ("event 3", "was edited"),
    forged_event: ("event 4", "does not follow the event before it"),
    unreadable_event: (f"run {RUN}", "event 3"),
    moved_head: (f"run {RUN}", "not those that its last event names"),
    head_nowhere: (f"run {RUN}", "its head is iteration 9, which is missing"),
    removed_iteration: ("iteration 2", "it is missing"),
    slipped_in_iteration: ("iteration 4", "no event says that it was added"),
    unreadable_iteration: ("iteration 1", "cannot be read"),
    unreadable_run: (f"run {RUN}", "cannot be read"),
    removed_guards: ("index", "events_are_not_edited is missing"),
    stray_row: ("index", "iterations names a row of runs that is missing"),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_every_planted_alteration_is_named(store: RunStore, plant: Callable[[RunStore], None]) -> None:
    plant(store)
    where, what = PLANTED[plant]
    found = list(map(str, RunStore(store.root).verify()))
    assert any(where in problem and what in problem for problem in found), found
    assert all("\n" not in problem for problem in found)


def test_a_blob_without_a_row_is_no_fault(store: RunStore) -> None:
    name = store._blobs.keep_change(adapter(77))
    (store.root / "blobs" / ".new-cut-off").mkdir()
    assert store.verify() == []
    assert [path.name for path in store.unreachable()] == [name, ".new-cut-off"]
    assert store.gc().count == 2
    assert (store.verify(), store.unreachable()) == ([], [])


def test_nothing_is_changed_by_looking(store: RunStore) -> None:
    edited_alpha(store)
    before = {path: path.read_bytes() for path in (store.root / "blobs").rglob("*") if path.is_file()}
    first, second = store.verify(), store.verify()
    assert first == second
    assert {path: path.read_bytes() for path in (store.root / "blobs").rglob("*") if path.is_file()} == before


def test_a_record_of_a_program_that_knew_fewer_fields_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fewer(record: Iteration, *, indent: int | None = None) -> str:
        return json.dumps(record.model_dump(mode="json", exclude={"note"}), sort_keys=True)

    with monkeypatch.context() as patch:
        patch.setattr(Iteration, "to_json", fewer)
        store = filled(tmp_path)
    assert store.iterations(RUN)[0].note == ""
    assert store.verify() == []
