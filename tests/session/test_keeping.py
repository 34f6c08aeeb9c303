"""The records of a round say everything the round was."""

from __future__ import annotations

from datetime import datetime, timedelta

from lorasteer.session import iteration_record, run_record, snapshot
from tests.support.digits import bench, digits, forgotten, small_base


def test_record_of_a_run_that_begins() -> None:
    run = run_record(bench(), "somewhere", name="sevens")
    assert (run.base, run.base_folder, run.name) == (small_base().digest, "somewhere", "sevens")
    assert (run.data, run.data_digest) == ("digits", digits().digest)
    assert (run.state, run.head) == ("idle", 0)
    created = datetime.fromisoformat(run.created)
    assert created.utcoffset() == timedelta(0)
    assert run.id.startswith(f"{created:%Y%m%d-%H%M%S}-")


def test_ids_differ() -> None:
    assert len({run_record(bench()).id for _ in range(20)}) == 20


def test_record_of_a_round() -> None:
    done = forgotten()
    found = iteration_record(done, number=3, parent=2, action="adjust", note="too weak", interrupted=True)
    assert (found.number, found.parent, found.action, found.note, found.interrupted) == (3, 2, "adjust", "too weak", True)
    assert found.splits == done.plan.splits
    assert found.sizes == done.translation.splits.sizes()
    assert (found.request, found.plan, found.change) == (done.request, done.plan, done.change.record)
    assert found.evaluations == done.evaluations
    assert found.seconds == done.change.record.training.seconds
    assert datetime.fromisoformat(found.created).utcoffset() == timedelta(0)


def test_a_round_as_a_run_of_its_own() -> None:
    kept = snapshot(bench(), forgotten(), "somewhere")
    assert (kept.run.state, kept.run.head) == ("reviewing", 1)
    assert (kept.iteration.number, kept.iteration.parent, kept.iteration.action) == (1, 0, "unlearn")
