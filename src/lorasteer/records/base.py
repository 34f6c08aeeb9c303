"""What every record has in common: frozen, strict, canonical JSON, and a digest of that JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from lorasteer.errors import PlanError


class Record(BaseModel):
    """A frozen noun that goes to JSON and back without loss; unknown fields are refused.

    The docstring under a field is its help in the command line, in the JSON schema and in the docs.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, ser_json_inf_nan="constants"
    )

    def to_json(self, *, indent: int | None = None) -> str:
        """Canonical JSON: keys sorted, so equal records give equal text."""
        return json.dumps(self.model_dump(mode="json"), indent=indent, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            PlanError: The text is not JSON of this record; the message names the first field that does not fit.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise PlanError(f"not a {cls.__name__}: {first_problem(error)}") from error

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON, 64 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


class Settings(Record):
    """Numbers a method or a training run may be given. Subclasses add fields, each with a docstring."""


def first_problem(error: ValidationError) -> str:
    """The first failure of a pydantic validation as `field: message, got value`."""
    problem: dict[str, Any] = dict(error.errors(include_url=False)[0])
    where = ".".join(str(part) for part in problem["loc"]) or "value"
    return f"{where}: {problem['msg']}, got {problem.get('input')!r}"
