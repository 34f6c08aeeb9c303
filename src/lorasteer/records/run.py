"""A run: one base, one data set, and the tree of iterations a person made on them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lorasteer.records.base import Record
from lorasteer.records.iteration import Iteration


class RunRecord(Record):
    """What all iterations of a run share, and where the run stands."""

    id: str
    """Name of the run: when it was begun, and six digits of its own."""
    created: str
    """When it was begun, UTC, ISO 8601."""
    name: str = ""
    """What the person calls it."""
    base: str
    """Digest of the base model."""
    base_folder: str = ""
    """Where the base model lay when the run was begun; a hint, since folders move."""
    data: str
    """How to load the data set again."""
    data_digest: str
    """Digest of the data set."""
    versions: dict[str, str] = {}
    """Versions of lorasteer, Python and the libraries that decide about numbers."""
    state: str = "idle"
    """State of its session."""
    head: Annotated[int, Field(ge=0)] = 0
    """The iteration in force; 0 is the untouched base."""


class Snapshot(Record):
    """One iteration with the run it belongs to: what `run.json` of a folder holds, and what a report tells."""

    run: RunRecord
    """The run."""
    iteration: Iteration
    """The iteration."""
