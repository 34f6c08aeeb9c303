"""The noun that a run is kept as: what was asked, what was done, what came of it, and the digests to check it by."""

from __future__ import annotations

from lorasteer.records import ChangeRecord, Evaluation, Plan, Record, Request


class RunRecord(Record):
    """One finished round with its evidence; the change itself lies beside it."""

    id: str
    """Name of the run: when it was made, and six digits of its own."""
    created: str
    """When it was made, UTC, ISO 8601."""
    request: Request
    """What a person asked for."""
    plan: Plan
    """What the request was translated into."""
    wording: str
    """Target and direction in words."""
    base: str
    """Digest of the base model."""
    base_folder: str
    """Where the base model lay."""
    data: str
    """How to load the data set again."""
    data_digest: str
    """Digest of the data set."""
    splits: str
    """Digest of the splits."""
    sizes: dict[str, int]
    """Number of examples in each part of the splits."""
    change: ChangeRecord
    """Description of the change."""
    evaluations: tuple[Evaluation, ...]
    """Measurements of the base, each retrained model, and the model with the change in force."""
    floor: dict[str, tuple[float, float, int]] = {}
    """Distance between retrained models by metric: mean, largest, number of further models. Empty with fewer than two."""
    remarks: tuple[str, ...] = ()
    """What a reader of the numbers should not miss."""
    seconds: float
    """Wall time of unlearning alone."""
    versions: dict[str, str] = {}
    """Versions of lorasteer, Python and the libraries that decide about numbers."""
