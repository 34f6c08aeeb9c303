"""From a finished round to the record it is kept as."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from lorasteer.session.workbench import Round, Workbench
from lorasteer.store import RunRecord, versions


def run_record(bench: Workbench, done: Round, base_folder: Path | str = "") -> RunRecord:
    """The record of a round.

    Args:
        bench: Where the round was made.
        done: The round.
        base_folder: Where the base lies, to find it again.
    """
    now = datetime.now(UTC)
    splits, record = done.translation.splits, done.change.record
    own = hashlib.sha256(f"{now.isoformat()} {done.plan.digest} {record.tensors}".encode()).hexdigest()[:6]
    return RunRecord(
        id=f"{now:%Y%m%d-%H%M%S}-{own}", created=now.isoformat(timespec="seconds"), request=done.request, plan=done.plan,
        wording=done.translation.wording, base=bench.base.digest, base_folder=str(base_folder), data=bench.data.name,
        data_digest=bench.data.digest, splits=splits.digest, sizes=splits.sizes(), change=record, evaluations=done.evaluations,
        floor={name: tuple(spread) for name, spread in done.floor.items()}, remarks=done.remarks,
        seconds=record.training.seconds, versions=versions(),
    )  # fmt: skip
