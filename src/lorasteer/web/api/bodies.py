"""What is sent to the API and is no record of the work itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lorasteer.errors import RequestError
from lorasteer.records import Record, Request, Target
from lorasteer.session.goal import Goal
from lorasteer.session.steps import Adjust, Also, Asking, Combine, Commit, Continue, Drop, Go, Start, Stop, Undo
from lorasteer.web import views
from lorasteer.web.uploads import Kind

Decision = Annotated[Start | Continue | Adjust | Also | Drop | Undo | Go | Commit | Combine | Stop, Field(discriminator="action")]
"""What a person may decide. Looking (strength, comparison) and exporting have addresses of their own."""
Version = Annotated[int, Field(ge=0, le=2**53)]


class Begin(Record):
    """A new session."""

    base: Annotated[str, Field(max_length=200)]
    """Id of a base of the library."""
    name: Annotated[str, Field(max_length=200)] = ""
    """What to call it."""


class Act(Record):
    """A decision."""

    step: Decision
    """What to do."""
    version: Version
    """Version of the session that it is based on; when it is no longer the newest, nothing is done."""


class Seek(Record):
    """A search for a plan that reaches a goal."""

    request: Request
    """What to forget; settings that are given are not varied."""
    goal: Goal = Goal()
    """What is wanted."""
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """How long to try."""
    tries: Annotated[int, Field(ge=1, le=1_000)] = 20
    """How often to try."""
    version: Version
    """Version of the session that it is based on."""


class Look(Record):
    """A request that is only looked at."""

    step: Annotated[Start | Adjust | Also, Field(discriminator="action")]
    """What would be asked for."""


class Make(Record):
    """Something to take away."""

    number: Annotated[int, Field(ge=0, le=1_000_000)]
    """The iteration."""
    kind: Literal["adapter", "merged", "report"] = "adapter"
    """A PEFT adapter, the whole model with the change in its weights, or the report."""


class Made(views.Export):
    """Something that can be downloaded now."""

    id: str
    """Opaque name of it; what it is downloaded by, from `/api/exports/{id}`."""


class Adopt(Record):
    """An upload that shall become a base."""

    upload: Annotated[str, Field(max_length=200)]
    """Id of the upload."""
    name: Annotated[str, Field(max_length=200)] = ""
    """What to call it; as the file when left out."""


class Upload(Record):
    """What was uploaded and found sound."""

    id: str
    """Id of it."""
    kind: Kind
    """What it is: a base, images, arrays or an adapter."""
    name: str
    """Its name, cleaned to be shown."""
    bytes: int
    """Size as it was sent."""


class MapNow(Record):
    """The map as it stands."""

    points: views.MapPoints | None
    """Which examples its points are; None before the first picture."""
    frame: views.MapFrame | None
    """The newest picture."""


def check_step(step: Record) -> None:
    """Refuse what a call must not ask for, or what does not go together.

    Raises:
        RequestError: It names a file of the server, or its target in more than one way.
    """
    if isinstance(step, Asking):
        if step.ids_file is not None:
            _refuse_file(step.ids_file)
        assert step.target is None or isinstance(step.target, Target)


def check_request(request: Request) -> None:
    """The same for a whole request.

    Raises:
        RequestError: It names a file of the server.
    """
    if request.target.ids_file is not None:
        _refuse_file(request.target.ids_file)


def _refuse_file(name: str) -> None:
    raise RequestError(
        f"ids_file {name[:60]!r} would be a file of the server; allowed over HTTP are ids. Send the ids themselves."
    )
