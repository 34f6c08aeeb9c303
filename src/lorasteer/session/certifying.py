"""From a kept run to its certificate, and from a certificate back to what it can be held against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lorasteer.errors import DataError, WeightsError
from lorasteer.export.certificate import Artefacts, adapter_digests, make_certificate
from lorasteer.export.verification import Evidence
from lorasteer.records import Iteration
from lorasteer.session.bench import Bench
from lorasteer.steer.translate import Translation
from lorasteer.store import RunStore, read_run, versions
from lorasteer.store.blobs import digests_in
from lorasteer.store.folder import CHANGE, RECORD
from lorasteer.tasks.splits import Splits

DESCRIPTION = "change.json"
"""Description of a change that is carried away; a store keeps it in its index."""


def certify(store: RunStore, name: str, number: int | None, bench: Bench[Any, Any], key: Ed25519PrivateKey) -> str:
    """The text of a certificate for one iteration, after checking that base, data and numbers are the run's own.

    Args:
        store: Where the run is kept.
        name: Its id.
        number: Iteration; the head when left out.
        bench: Its base and data.
        key: Who signs.

    Raises:
        StoreError: There is no such run or iteration.
        WeightsError: The change is damaged, or the base is not the run's own.
        DataError: The data, or a file of ids, is not what it was.
    """
    run, change = store.load(name), store.change(name, number, bench.base)
    iteration = store.iteration(name, number)
    splits = translation_of(bench, store.iterations(name), iteration.number).splits
    audit = store.audit_as_written(name, iteration.number)
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"), "run": run.model_dump(mode="json"),
        "iteration": json.loads(store.as_written(name, iteration.number)), "audit": json.loads(audit) if audit else None,
        "log": [event.model_dump(mode="json") for event in store.events(name)], "versions": versions(),
    }  # fmt: skip
    files = store.change_files(name, iteration.number)
    artefacts = Artefacts(bench.base.digest, bench.data.digest, splits, files, adapter_digests(change))
    return make_certificate(facts, artefacts, key)


def splits_of(bench: Bench[Any, Any], iterations: Sequence[Iteration], number: int) -> Splits:
    """The index sets of an iteration, made again from its request and those of the iterations in force beneath it."""
    return _again(bench, iterations, number).splits


def translation_of(bench: Bench[Any, Any], iterations: Sequence[Iteration], number: int) -> Translation:
    """The plan of an iteration with its splits, made again.

    Raises:
        WeightsError: The base is not the run's own.
        DataError: The data, or a file of ids, is not what it was.
    """
    made, kept = _again(bench, iterations, number), _numbered(iterations, number)
    _check(kept, bench, made.splits)
    return replace(made, plan=kept.plan)


def _again(bench: Bench[Any, Any], iterations: Sequence[Iteration], number: int) -> Translation:
    kept = _numbered(iterations, number)
    return bench.translate(kept.request, others=[splits_of(bench, iterations, other) for other in kept.beneath])


def _numbered(iterations: Sequence[Iteration], number: int) -> Iteration:
    return next(iteration for iteration in iterations if iteration.number == number)


def _check(iteration: Iteration, bench: Bench[Any, Any], splits: Splits) -> None:
    if iteration.change.base != bench.base.digest:
        raise WeightsError(
            f"the run has base {iteration.change.base[:12]}, got base {bench.base.digest[:12]}; name its own with --base FOLDER."
        )
    if splits.digest != iteration.splits:
        raise DataError(
            f"iteration {iteration.number} was made on splits {iteration.splits[:12]}, now its request gives "
            f"{splits.digest[:12]}: the data, or a file of ids, has changed. Give what it was made with, by --data."
        )


def evidence_of_run(store: RunStore, name: str, number: int) -> Evidence:
    """What a store keeps of an iteration, to hold a certificate against.

    Raises:
        StoreError: There is no such run or iteration.
    """
    iteration = json.loads(store.as_written(name, number))
    return Evidence(log=store.events(name), iteration=iteration, change=store.change_files(name, number))


def evidence_of_folder(folder: Path) -> Evidence:
    """What a folder that `lorasteer unlearn --out` wrote holds, to hold a certificate against.

    Raises:
        StoreError: It holds no run.
    """
    read_run(folder)
    kept = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    files = digests_in(folder / CHANGE)
    return Evidence(iteration=kept["iteration"], change={name: d for name, d in files.items() if name != DESCRIPTION})


def with_adapter(evidence: Evidence, folder: Path, names: Sequence[str]) -> Evidence:
    """The same, and the files of an adapter that was exported to a folder.

    Args:
        evidence: What there is already.
        folder: What `lorasteer export` wrote.
        names: Files that belong to the adapter.
    """
    return replace(evidence, adapter={name: digest for name, digest in digests_in(folder).items() if name in names})


def with_material(evidence: Evidence, bench: Bench[Any, Any], splits: Splits) -> Evidence:
    """The same, and the base, its data and the index sets."""
    return replace(evidence, base=bench.base.digest, data=bench.data.digest, splits=splits)
