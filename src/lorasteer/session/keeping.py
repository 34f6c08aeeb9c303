"""From a finished round to the records it is kept as."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lorasteer.records import Iteration, RunRecord, Snapshot
from lorasteer.records.iteration import Action
from lorasteer.session.bench import Bench
from lorasteer.session.round import Round
from lorasteer.store import versions


def run_record(bench: Bench[Any, Any], base_folder: Path | str = "", *, name: str = "") -> RunRecord:
    """The record of a run that begins now and has no iteration yet.

    Args:
        bench: The base and its data.
        base_folder: Where the base lies, to find it again.
        name: What the person calls the run.
    """
    now = datetime.now(UTC)
    return RunRecord(
        id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}", created=now.isoformat(timespec="seconds"), name=name,
        base=bench.base.digest, base_folder=str(base_folder), data=bench.data.name, data_digest=bench.data.digest,
        versions=versions(),
    )  # fmt: skip


def iteration_record(
    done: Round, *, number: int = 1, parent: int = 0, action: Action = "unlearn", combined: tuple[int, ...] = (),
    beneath: tuple[int, ...] = (), note: str = "", interrupted: bool = False,
) -> Iteration:  # fmt: skip
    """The record of a round as an iteration of a run.

    Args:
        done: The round.
        number: Its number in the run.
        parent: Iteration it went on from; 0 is the base.
        action: What the person did.
        combined: Iterations that were joined.
        beneath: Iterations of earlier requests that are in force as well.
        note: Why.
        interrupted: Whether the person stopped the training before its end.
    """
    splits, record = done.translation.splits, done.change.record
    return Iteration(
        number=number, parent=parent, action=action, combined=combined, beneath=beneath, request=done.request, plan=done.plan,
        wording=done.translation.wording, splits=splits.digest, sizes=splits.sizes(), change=record,
        evaluations=done.evaluations, floor={name: tuple(spread) for name, spread in done.floor.items()}, remarks=done.remarks,
        seconds=record.training.seconds, created=datetime.now(UTC).isoformat(timespec="seconds"), note=note,
        interrupted=interrupted,
    )  # fmt: skip


def snapshot(bench: Bench[Any, Any], done: Round, base_folder: Path | str = "") -> Snapshot:
    """A round as a run of one iteration, which can be gone on from.

    Args:
        bench: Where the round was made.
        done: The round.
        base_folder: Where the base lies, to find it again.
    """
    run = run_record(bench, base_folder).model_copy(update={"state": "reviewing", "head": 1})
    return Snapshot(run=run, iteration=iteration_record(done))
