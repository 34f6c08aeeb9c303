"""Runs are kept whole, found by part of their id, continued, moved and removed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lorasteer.errors import StoreError, WeightsError
from lorasteer.records import CalibrationPoint, Snapshot
from lorasteer.store import RunStore
from lorasteer.store.index import NAME
from tests.support.errors import refuses
from tests.support.kept import RUN, adapter, add, filled, iteration, kept_base, resume, run, same, weights

OTHER = "20260102-000000-bbbbbb"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    kept = filled(tmp_path / "runs")
    kept.begin(run(OTHER), actor="me")
    return kept


def test_what_was_kept_comes_back_as_it_was(store: RunStore) -> None:
    assert store.load(RUN) == run(state="reviewing", head=3)
    assert store.iterations(RUN) == tuple(iteration(adapter(number), number) for number in (1, 2, 3))
    for number in (1, 2, 3):
        change = store.change(RUN, number, kept_base())
        assert change.record == adapter(number).record
        assert same(getattr(change, "tensors", None), adapter(number).tensors)
        assert same(store.resume(RUN, number), resume(number))


def test_the_head_is_meant_when_no_number_is_given(store: RunStore) -> None:
    store.move(RUN, head=2, actor="me", action="undo")
    assert store.iteration(RUN).number == 2
    assert store.change(RUN).record == adapter(2).record
    assert store.snapshot(RUN) == Snapshot(run=store.load(RUN), iteration=store.iteration(RUN, 2))
    assert store.snapshot(RUN, 1).iteration == store.iteration(RUN, 1)


def test_kinds_of_changes_and_none_to_resume_from(store: RunStore) -> None:
    change = weights()
    store.add_iteration(OTHER, iteration(change), change, state="reviewing", actor="me", action="unlearn")
    assert store.change(OTHER).record == change.record
    assert store.resume(OTHER) is None


def test_newest_first_with_head_and_count(store: RunStore) -> None:
    newest, oldest = store.list()
    assert [found.id for found in (newest, oldest)] == [OTHER, RUN]
    assert (newest.head, newest.iterations, oldest.head, oldest.iterations) == (None, 0, store.iteration(RUN, 3), 3)
    assert not newest.damage


def test_an_empty_store_lists_nothing_and_writes_nothing(tmp_path: Path) -> None:
    empty = RunStore(tmp_path / "nothing")
    assert (empty.list(), empty.verify(), empty.unreachable(), empty.points("b")) == ((), [], [], ())
    with refuses(StoreError, "no run 'x'", "holds none yet"):
        empty.load("x")
    assert not empty.root.exists()


@pytest.mark.parametrize("name", ["20260102", "bbbbbb", OTHER])
def test_found_by_a_unique_part(store: RunStore, name: str) -> None:
    assert store.load(name).id == OTHER


def test_an_ambiguous_or_unknown_name_is_refused(store: RunStore) -> None:
    with refuses(StoreError, "'2026' may mean any of 2 runs"):
        store.load("2026")
    with refuses(StoreError, "no run 'cccccc'", RUN):
        store.load("cccccc")


def test_what_is_not_there_is_refused_by_its_number(store: RunStore) -> None:
    with refuses(StoreError, "no iteration 7", "Allowed: 1, 2, 3"):
        store.change(RUN, 7)
    with refuses(StoreError, "iteration 0", "untouched base"):
        store.change(OTHER)
    with refuses(StoreError, "no iteration 9", "runs show"):
        store.move(RUN, head=9, actor="me", action="go")
    with refuses(StoreError, "no iteration 5, which 4 goes on from"):
        add(store, 4, parent=5)
    with refuses(StoreError, "no iteration 9"):
        add(store, 4, parent=3, combined=(1, 9))


def test_ids_and_numbers_are_taken_once(store: RunStore) -> None:
    with refuses(StoreError, "is kept already"):
        store.begin(run(), actor="me")
    with refuses(StoreError, "iteration 2", "is kept already", "the next number is 4"):
        add(store, 2)
    assert len(store.iterations(RUN)) == 3


def test_a_change_of_another_base_is_not_taken(store: RunStore) -> None:
    foreign = adapter(9, of=1)
    with refuses(WeightsError, "was made for base", f"run {RUN} has base"):
        add(store, 4, change=foreign)
    assert store.verify() == []


def test_evidence_of_another_change_is_a_bug(store: RunStore) -> None:
    with pytest.raises(ValueError, match="describes another change"):
        store.add_iteration(RUN, iteration(adapter(4), 4), adapter(5), state="reviewing", actor="me", action="continue")


def test_head_and_state_move_and_nothing_else(store: RunStore) -> None:
    before = store.iterations(RUN)
    store.move(RUN, head=1, actor="me", action="undo", why="too strong")
    store.move(RUN, state="closed", actor="me", action="stop")
    store.move(RUN, actor="me", action="export", detail={"folder": "out"})
    assert (store.load(RUN).head, store.load(RUN).state) == (1, "closed")
    assert store.iterations(RUN) == before
    store.move(RUN, head=0, actor="me", action="undo")
    assert store.load(RUN).head == 0


def test_a_branch_starts_from_any_iteration(store: RunStore) -> None:
    add(store, 4, parent=1)
    assert [found.parent for found in store.iterations(RUN)] == [0, 1, 2, 1]
    assert store.load(RUN).head == 4


def test_a_run_with_its_first_iteration_at_once(tmp_path: Path) -> None:
    store, change = RunStore(tmp_path), weights()
    kept = Snapshot(run=run(state="reviewing", head=1), iteration=iteration(change))
    store.add(kept, change, resume(), actor="me")
    assert store.snapshot(RUN) == kept
    assert [event.action for event in store.events(RUN)] == ["begin", "unlearn"]
    with refuses(StoreError, "is kept already"):
        store.add(kept, change, actor="me")


def test_removed_for_good_and_freed(store: RunStore) -> None:
    assert store.gc().count == 0
    assert store.remove("aaaaaa") == RUN
    assert [found.id for found in store.list()] == [OTHER]
    assert len(store.unreachable()) == 6
    freed = store.gc()
    assert (freed.count, store.unreachable()) == (6, [])
    assert freed.bytes > 1000
    assert store.verify() == []


def test_gc_frees_only_what_no_run_needs(store: RunStore) -> None:
    for number in (1, 2):
        add(store, number, run_id=OTHER)  # the same numbers as in the first run
    store.remove(RUN)
    assert store.gc().count == 2
    assert store.verify() == []
    assert same(store.resume(OTHER, 2), resume(2))


def test_equal_numbers_are_stored_once(store: RunStore) -> None:
    blobs = set((store.root / "blobs").iterdir())
    half = adapter(3).at(0.5)
    record = iteration(half, 4, action="commit")
    store.add_iteration(RUN, record, half, resume(3), state="reviewing", actor="me", action="commit")
    assert set((store.root / "blobs").iterdir()) == blobs
    assert store.change(RUN, 4).record.strength == 0.5


def test_a_damaged_row_is_listed_with_its_reason(store: RunStore) -> None:
    connection = sqlite3.connect(store.root / NAME)
    connection.execute("UPDATE runs SET versions = '{' WHERE id = ?", (RUN,))
    connection.commit()
    connection.close()
    whole, damaged = store.list()
    assert whole.record is not None
    assert damaged.record is None
    assert "cannot be read" in damaged.damage
    assert "\n" not in damaged.damage
    with refuses(StoreError, "is damaged", f"lorasteer runs rm {RUN}"):
        store.load(RUN)
    assert store.remove(RUN)


class TestPoints:
    def point(self, base: str = "b", intensity: float = 0.5) -> CalibrationPoint:
        return CalibrationPoint(
            base=base, target="class", method="lora-ihl", intensity=intensity, promised=0.2, achieved=0.1, run=RUN, iteration=1
        )

    def test_points_of_a_base_in_order_until_they_are_cleared(self, tmp_path: Path) -> None:
        store = RunStore(tmp_path)
        for point in (self.point(), self.point("other"), self.point(intensity=0.1)):
            store.add_point(point)
        assert store.points("b") == (self.point(), self.point(intensity=0.1))
        assert store.clear_points("b") == 2
        assert (store.points("b"), store.points("other")) == ((), (self.point("other"),))

    def test_what_was_learned_outlives_the_run(self, store: RunStore) -> None:
        store.add_point(self.point())
        store.remove(RUN)
        assert store.points("b") == (self.point(),)
