"""A certificate, checked: its form, its own digests, its log, its signature, and what it speaks of. No network is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lorasteer.errors import PlanError
from lorasteer.export.certificate import canonical, digest_of_json, index_digest, index_sets, measured, part_digests
from lorasteer.export.envelope import Envelope
from lorasteer.export.keys import key_id
from lorasteer.records import Event
from lorasteer.records.certificate import PREDICATE_TYPE, STATEMENT_TYPE, Certificate
from lorasteer.records.event import GENESIS
from lorasteer.tasks.splits import Splits


class Misfit(NamedTuple):
    """Something that does not fit.

    Args:
        where: Part of the certificate, or artefact, by name.
        what: What is wrong with it.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Args:
        misfits: What does not fit, in the order of the check; empty where everything does.
        certificate: What the file says; None where it cannot be read.
        signer: Name of the key that signed; empty where the file cannot be read.
        pinned: Whether a known public key was compared with it. Without one the signer is unknown.
        seen: Names of the artefacts that were there to be compared.
    """

    misfits: tuple[Misfit, ...]
    certificate: Certificate | None = None
    signer: str = ""
    pinned: bool = False
    seen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What there is to hold a certificate against; what is None is not compared.

    Args:
        log: The run's log as it stands now.
        iteration: The iteration as the run keeps it, as JSON values.
        change: sha256 of each file of the change, by name.
        adapter: sha256 of each file of an exported adapter, by name.
        base: Digest of the base's weights.
        data: Digest of the data set.
        splits: The index sets.
    """

    log: Sequence[Event] | None = None
    iteration: Mapping[str, Any] | None = None
    change: Mapping[str, str] | None = None
    adapter: Mapping[str, str] | None = None
    base: str | None = None
    data: str | None = None
    splits: Splits | None = None

    def digests(self) -> dict[str, str]:
        """Digest of each artefact that is there, by the name that the statement gives it."""
        found = {"base": self.base, "data": self.data, "splits": self.splits.digest if self.splits else None}
        sets = index_sets(self.splits) if self.splits else {}
        found |= {f"splits/{name}": index_digest(index) for name, index in sets.items()}
        for kind, files in (("change", self.change), ("adapter", self.adapter)):
            found |= {f"{kind}/{name}": digest for name, digest in (files or {}).items()}
        return {name: digest for name, digest in found.items() if digest is not None}


def check_certificate(content: bytes, *, public_key: Ed25519PublicKey | None = None, evidence: Evidence | None = None) -> Checked:
    """Check a certificate.

    Args:
        content: Bytes of the file.
        public_key: Key of the one who is believed to have signed it.
        evidence: What there is to hold it against.

    Returns:
        What does not fit: parts of the content first, so that what was altered is named, then signature and signer, then what
        the certificate speaks of.
    """
    try:
        envelope = Envelope.from_text(content.decode())
    except (ValueError, RecursionError) as error:
        return Checked((Misfit("file", f"not a certificate as it was written: {_short(error)}"),), pinned=public_key is not None)
    signer, pinned, evidence = key_id(envelope.public_key), public_key is not None, evidence or Evidence()
    statement, misfits = _statement(envelope.payload)
    certificate = _certificate(statement, misfits) if statement else None
    if statement and certificate:
        misfits += [*_of_parts(statement["predicate"]), *_of_facts(statement, certificate), *_of_log(statement, certificate)]
    misfits += _of_signature(envelope, public_key)
    if not statement or not certificate:
        return Checked(tuple(misfits), None, signer, pinned)
    misfits += [*_against_run(statement["predicate"], certificate, evidence), *_against_artefacts(_named(statement), evidence)]
    seen = (*(["log"] if evidence.log is not None else []), *evidence.digests())
    return Checked(tuple(misfits), certificate, signer, pinned, seen)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _statement(payload: bytes) -> tuple[dict[str, Any] | None, list[Misfit]]:
    """The statement as JSON values; None where it cannot be read."""
    try:
        statement = json.loads(payload.decode())
        if canonical(statement).encode() != payload:
            raise ValueError("it is not in canonical form")
        named = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
        if set(statement) != {"_type", "subject", "predicateType", "predicate"} or len(named) != len(statement["subject"]):
            raise ValueError("its fields or subjects are not those of a statement")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return None, [Misfit("statement", f"cannot be read: {_short(error)}")]
    for name, wanted in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if statement[name] != wanted:
            return None, [Misfit(name, f"is {statement[name]!r}; this program reads {wanted!r}")]
    return statement, []


def _named(statement: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}


def _certificate(statement: Mapping[str, Any], misfits: list[Misfit]) -> Certificate | None:
    try:
        return Certificate.from_json(canonical(statement["predicate"]))
    except PlanError as error:
        misfits.append(Misfit("predicate", _short(error)))
        return None


def _of_parts(predicate: Mapping[str, Any]) -> Iterator[Misfit]:
    """Each part must have the digest that is stated of it."""
    stated, found = predicate["digests"], part_digests(predicate)
    for name, digest in found.items():
        if stated.get(name) != digest:
            yield Misfit(name, "its digest is not the one that is stated: it was altered")
    for name in sorted(stated.keys() - found.keys()):
        yield Misfit(name, "a digest of it is stated, but it is missing: it was removed or renamed")


def _of_facts(statement: Mapping[str, Any], certificate: Certificate) -> Iterator[Misfit]:
    """What is said twice must be said alike."""
    run, iteration, named = certificate.run, certificate.iteration, _named(statement)
    pairs = {
        "base": (run.base, iteration.change.base),
        "data": (run.data_digest,),
        "splits": (iteration.splits, iteration.plan.splits),
    }
    for name, stated in pairs.items():
        for digest in stated:
            if named.get(name) != digest:
                yield Misfit(name, f"the statement names {_cut(named.get(name))}, the run {_cut(digest)}")
    audit = certificate.audit
    for name, mine, theirs in (
        [("base", audit.base, run.base), ("splits", audit.splits, iteration.splits)] if audit is not None else []
    ):
        if mine != theirs:
            yield Misfit("audit", f"was made on {name} {_cut(mine)}, the run has {_cut(theirs)}")


def _of_log(statement: Mapping[str, Any], certificate: Certificate) -> Iterator[Misfit]:
    """The chain must hold, belong to the run, and name the iteration and the audit."""
    yield from _of_chain(certificate)
    predicate, number = statement["predicate"], certificate.iteration.number
    added = [event for event in certificate.log if event.detail.get("iteration") == number and "record" in event.detail]
    if not added:
        yield Misfit("log", f"no event says that iteration {number} was added")
    elif added[0].detail["record"] != digest_of_json(predicate["iteration"]):
        yield Misfit(f"event {added[0].seq}", f"names another record of iteration {number} than the one that is certified")
    yield from _of_audit(predicate, certificate)


def _of_audit(predicate: Mapping[str, Any], certificate: Certificate) -> Iterator[Misfit]:
    """The latest audit of the iteration must be there: neither an older one nor none can take its place."""
    number = certificate.iteration.number
    audits = [event for event in certificate.log if event.detail.get("audited") == number]
    record = digest_of_json(predicate["audit"]) if certificate.audit is not None else None
    if (audits[-1].detail.get("digest") if audits else None) != record:
        said = (
            f"event {audits[-1].seq} says that iteration {number} was audited"
            if audits
            else f"iteration {number} was not audited"
        )
        held = "the audit that is certified is another one" if record else "its audit is missing"
        yield Misfit("log", f"{said}, but {held}")


def _of_chain(certificate: Certificate) -> Iterator[Misfit]:
    previous = GENESIS
    for place, event in enumerate(certificate.log, 1):
        where = f"event {place}"
        if event.seq != place or event.previous != previous:
            yield Misfit(where, "it does not follow the event before it: events were removed, moved or replaced")
            return
        if not event.fits or event.run != certificate.run.id:
            yield Misfit(where, "its hash is not that of its facts, or it is of another run: it was edited")
            return
        previous = event.hash
    if not certificate.log:
        yield Misfit("log", "it is empty")


def _of_signature(envelope: Envelope, public_key: Ed25519PublicKey | None) -> Iterator[Misfit]:
    if not envelope.whole:
        yield Misfit("signature", "does not fit the content: the file was altered after it was signed")
    if public_key is not None and key_id(public_key) != key_id(envelope.public_key):
        signer, known = _cut(key_id(envelope.public_key)), _cut(key_id(public_key))
        yield Misfit("signer", f"the file was signed with key {signer}, not with the known key {known}")


def _against_run(predicate: Mapping[str, Any], certificate: Certificate, evidence: Evidence) -> Iterator[Misfit]:
    """The run may have gone on since; what it was then must be what it is now."""
    if evidence.iteration is not None:
        kept, stated = measured(evidence.iteration), measured(predicate["iteration"])
        for name, one in stated.items():
            if kept.get(name) != one:
                values = [part.get("value") if part else None for part in (one, kept.get(name))]
                yield Misfit(name, f"the certificate says {values[0]}, the run {values[1]}")
        for name, part in predicate["iteration"].items():
            if evidence.iteration.get(name) != part:
                yield Misfit(name, "is not what the run keeps")
    if evidence.log is not None:
        now = dict(enumerate(evidence.log, 1))
        for place, event in enumerate(certificate.log, 1):
            if now.get(place) != event:
                yield Misfit(f"event {place}", "is not in the run's log as it stands now")
                return


def _against_artefacts(named: Mapping[str, str], evidence: Evidence) -> Iterator[Misfit]:
    found = evidence.digests()
    for name, digest in named.items():
        if name in found and found[name] != digest:
            yield Misfit(
                name, f"has digest {_cut(found[name])}, the certificate says {_cut(digest)}: it is another one or altered"
            )
        kind = name.partition("/")[0]
        if name not in found and getattr(evidence, kind, None) is not None:
            yield Misfit(name, "is missing")
    for name in sorted(found.keys() - named.keys()):
        yield Misfit(name, "the certificate does not speak of it")


def _cut(digest: str | None) -> str:
    return digest[:12] if digest else "none"
