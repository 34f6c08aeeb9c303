"""A run as a signed certificate: an in-toto statement over its artefacts, in a signed envelope."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lorasteer.changes import AdapterChange, Change
from lorasteer.export.adapter import ADAPTER_FILES, export_adapter
from lorasteer.export.envelope import sealed
from lorasteer.records.certificate import PREDICATE_TYPE, STATEMENT_TYPE, Certificate
from lorasteer.tasks.splits import Index, Splits
from lorasteer.tasks.tensors import file_digest

SETS = ("forget", "retain", "forget_test", "retain_test", "validation")


@dataclass(frozen=True)
class Artefacts:
    """What a certificate speaks of, by its digests.

    Args:
        base: Digest of the base's weights.
        data: Digest of the data set.
        splits: The index sets.
        change: sha256 of each file that the run's store keeps of the change, by name.
        adapter: sha256 of each file that `lorasteer export` writes for it, by name; empty for what is not an adapter.
    """

    base: str
    data: str
    splits: Splits
    change: Mapping[str, str]
    adapter: Mapping[str, str]

    def subjects(self) -> dict[str, str]:
        """Digest of each artefact, by the name that the statement gives it."""
        sets = {f"splits/{name}": index_digest(index) for name, index in index_sets(self.splits).items()}
        files = {f"change/{name}": digest for name, digest in self.change.items()}
        exported = {f"adapter/{name}": digest for name, digest in self.adapter.items()}
        return {"base": self.base, "data": self.data, "splits": self.splits.digest, **sets, **files, **exported}


def index_sets(splits: Splits) -> dict[str, Index]:
    """The index sets of a request, by name."""
    return {name: splits.validation.index if name == "validation" else getattr(splits, name) for name in SETS}


def index_digest(index: Index) -> str:
    """sha256 of the positions as 64-bit little-endian whole numbers.

    Example:
        >>> index_digest(np.array([1])) == hashlib.sha256(bytes([1, 0, 0, 0, 0, 0, 0, 0])).hexdigest()
        True
    """
    return hashlib.sha256(np.ascontiguousarray(index, "<i8").tobytes()).hexdigest()


def adapter_digests(change: Change) -> dict[str, str]:
    """sha256 of each file that an export of this change writes; empty for what is not an adapter."""
    if not isinstance(change, AdapterChange):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        exported = export_adapter(change, Path(folder) / "adapter")
        return {name: file_digest(exported / name) for name in ADAPTER_FILES}


def make_certificate(facts: Mapping[str, Any], artefacts: Artefacts, key: Ed25519PrivateKey) -> str:
    """The text of a certificate.

    Args:
        facts: Fields of the certificate as JSON values, but for `digests`, which are computed here.
        artefacts: What it speaks of.
        key: Who signs.

    Raises:
        ValidationError: A fact does not fit. A bug of the caller, so not a UserError.
    """
    predicate = {"about": Certificate.model_fields["about"].default, **facts}
    predicate["digests"] = part_digests(predicate)
    Certificate.model_validate_json(canonical(predicate))
    subjects = [{"name": name, "digest": {"sha256": digest}} for name, digest in artefacts.subjects().items()]
    statement = {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": PREDICATE_TYPE, "predicate": predicate}
    return sealed(canonical(statement).encode(), key).to_text()


def canonical(value: Any) -> str:
    """The JSON that digests are taken of: keys sorted, nothing escaped that need not be; as `Record.to_json` writes it."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def digest_of_json(value: Any) -> str:
    """sha256 of the canonical JSON of a value, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def part_digests(predicate: Mapping[str, Any]) -> dict[str, str]:
    """Digest of each part that a reader may want to hold against something, the smallest parts first.

    A measurement that was altered is named as itself, before the iteration and the log that cover it are.
    """
    iteration, audit = predicate["iteration"], predicate.get("audit")
    found = {name: digest_of_json(part) for name, part in measured(iteration).items()}
    if audit is not None:
        found |= {name: digest_of_json(part) for name, part in attacked(audit).items()}
        found["audit"] = digest_of_json(audit)
    parts = {name: iteration[name] for name in ("request", "plan", "change")}
    return {**found, **{name: digest_of_json(part) for name, part in parts.items()}, "iteration": digest_of_json(iteration)}


def measured(iteration: Mapping[str, Any]) -> dict[str, Any]:
    """Each measurement of an iteration, by a name that says of which model it is."""
    return {
        f"measurement {one['name']} of {evaluation['subject']} ({place})": one
        for place, evaluation in enumerate(iteration["evaluations"], 1)
        for one in evaluation["measurements"]
    }


def attacked(audit: Mapping[str, Any]) -> dict[str, Any]:
    """Each result of an attack and each verdict of an audit, by name."""
    results = {f"result of {one['attack']} on {one['subject']}": one for one in audit["results"]}
    return {**results, **{f"verdict on {one['subject']}": one for one in audit["verdicts"]}}
