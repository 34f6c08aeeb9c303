"""A small run that is kept and certified, and ways to alter the file: by the byte, or by signing it anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lorasteer.export.certificate import Artefacts, adapter_digests, canonical, make_certificate
from lorasteer.export.envelope import Envelope, sealed
from lorasteer.export.verification import Evidence
from lorasteer.records import AuditRecord, AuditSubject, Clue, Measurement, Verdict
from lorasteer.records.audit import AttackResult
from lorasteer.session.certifying import evidence_of_run
from lorasteer.store import RunStore, versions
from lorasteer.tasks.splits import Holdout, Splits
from tests.support.kept import RUN, adapter, iteration, kept_base, resume, run

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
THIEF = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
Edit = Callable[[dict[str, Any]], None]


@cache
def splits() -> Splits:
    """Index sets of nine examples."""
    parts = (np.array([1, 4]), np.array([0, 2, 3]), np.array([5]), np.array([0, 1]))
    return Splits(*parts, Holdout("train", np.array([6, 7])), "d" * 64)


def audited() -> AuditRecord:
    """An audit with one result and its verdict."""
    measured = Measurement(name="steps_to_recover", value=1.0, unit="steps", n=2, better="near-retrained")
    found = AttackResult(
        attack="relearn-forget", kind="relearning", subject="lora-ihl", model="e" * 64, splits=splits().digest,
        measurements=(measured,), n=2,
    )  # fmt: skip
    clue = Clue(
        question="learned again", attack="relearn-forget", measurement="steps_to_recover", value=1, low=10, high=20, n=2,
        found="towards the base",
    )  # fmt: skip
    return AuditRecord(
        suite="quick", wording="class a", base=kept_base().digest, splits=splits().digest,
        subjects=(AuditSubject(name="lora-ihl", role="unlearned", model="e" * 64),), results=(found,),
        verdicts=(Verdict(subject="lora-ihl", label="suppressed", rule="It is learned again too fast.", evidence=(clue,)),),
        created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


@dataclass(frozen=True)
class Certified:
    """A certificate, and the store with its run.

    Args:
        text: The file.
        store: The store.
    """

    text: str
    store: RunStore

    def evidence(self, **others: Any) -> Evidence:
        """All there is to hold it against."""
        found = evidence_of_run(self.store, RUN, 1)
        rest = {"splits": splits(), "base": kept_base().digest, "data": "d" * 64, "adapter": adapter_digests(adapter(1))}
        return Evidence(**{"log": found.log, "iteration": found.iteration, "change": found.change, **rest, **others})

    def altered(self, edit: Edit, *, key: Ed25519PrivateKey | None = None) -> bytes:
        """The file after an edit of its statement; with a key it is signed anew, else it keeps its old signature."""
        envelope = Envelope.from_text(self.text)
        statement = json.loads(envelope.payload)
        edit(statement)
        payload = canonical(statement).encode()
        kept = Envelope(payload, envelope.public_key, envelope.signature)
        return (sealed(payload, key) if key else kept).to_text().encode()


def certified(root: Path) -> Certified:
    """Keep a run of one iteration with an audit in a folder, and certify it."""
    store, change = RunStore(root), adapter(1)
    store.begin(run(), actor="me")
    record = iteration(change, splits=splits().digest, plan={"method": "lora-ihl", "splits": splits().digest})
    store.add_iteration(RUN, record, change, resume(), state="reviewing", actor="me", action="unlearn")
    store.add_audit(RUN, 1, audited(), actor="me")
    audit = store.audit_as_written(RUN, 1)
    assert audit is not None
    facts = {
        "created": "2026-01-01T00:00:00+00:00", "run": store.load(RUN).model_dump(mode="json"),
        "iteration": json.loads(store.as_written(RUN, 1)), "audit": json.loads(audit),
        "log": [event.model_dump(mode="json") for event in store.events(RUN)], "versions": versions(),
    }  # fmt: skip
    artefacts = Artefacts(kept_base().digest, "d" * 64, splits(), store.change_files(RUN, 1), adapter_digests(change))
    return Certified(make_certificate(facts, artefacts, KEY), store)
