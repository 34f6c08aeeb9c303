"""What a certificate says: the predicate of an in-toto statement (in-toto Statement v1), as a record."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lorasteer.records.base import Record
from lorasteer.records.event import Event
from lorasteer.records.iteration import Iteration
from lorasteer.records.run import RunRecord
from lorasteer.records.verdict import AuditRecord

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:lorasteer:certificate:v1"
ABOUT = (
    "This states what was asked, what was done and what was measured, on the examples, models and files named by their digests. "
    "Unlearning by a change of the weights is approximate; tests can show that a trace is left, they cannot show that none is. "
    "Nothing here is a formal guarantee."
)
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Certificate(Record):
    """What is certified of one iteration of a run. Digests of the artefacts it speaks of stand beside it, as the subjects."""

    about: str = ABOUT
    """What this is and what it is not."""
    created: str
    """When it was made, UTC, ISO 8601."""
    run: RunRecord
    """The run as it stood."""
    iteration: Iteration
    """Request, plan, sizes of the splits, change and measurements, exactly as the run keeps them."""
    audit: AuditRecord | None = None
    """Attacks, their results and the verdict; None where the iteration was not audited."""
    digests: dict[str, Digest]
    """sha256 of the canonical JSON of each part of this record, of each measurement and of each result of an attack, by name."""
    log: tuple[Event, ...]
    """The run's whole log. The hash of each line covers the line before it."""
    versions: dict[str, str]
    """Versions of lorasteer, Python and the libraries that made the certificate; those that made the run stand in `run`."""
