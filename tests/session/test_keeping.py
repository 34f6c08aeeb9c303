"""The record of a round says everything the round was."""

from __future__ import annotations

from datetime import datetime, timedelta

from lorasteer.session import run_record
from tests.support.digits import bench, digits, forgotten, small_base


def test_record_of_a_round() -> None:
    done = forgotten()
    run = run_record(bench(), done, "somewhere")
    assert (run.base, run.base_folder) == (small_base().digest, "somewhere")
    assert (run.data, run.data_digest) == ("digits", digits().digest)
    assert run.splits == done.plan.splits
    assert run.sizes == done.translation.splits.sizes()
    assert (run.request, run.plan, run.change, run.evaluations) == (done.request, done.plan, done.change.record, done.evaluations)
    assert run.seconds == done.change.record.training.seconds
    created = datetime.fromisoformat(run.created)
    assert created.utcoffset() == timedelta(0)
    assert run.id.startswith(f"{created:%Y%m%d-%H%M%S}-")
