"""What routes ask of a call: the reception, the session it is about, who makes it, and its idempotency key."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header, Path, Query, Request

from lorasteer.errors import StoreError
from lorasteer.web.actors import clean_actor, system_user
from lorasteer.web.api.reception import Reception
from lorasteer.web.house import Room
from lorasteer.web.security import Refusal, check_id

RunId = Annotated[str, Path(description="Id of a session, from the library.", examples=["20260102-030405-a1b2c3"])]
Number = Annotated[int, Path(ge=0, le=1_000_000, description="Number of an iteration; 0 is the base.")]
Index = Annotated[int, Path(ge=0, le=1_000_000_000, description="Place of an example in its set.")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key", max_length=200,
        description="Any text that is new for each decision. A call repeated with the same key does nothing twice.",
    ),
]  # fmt: skip


def reception_of(request: Request) -> Reception:
    """The reception of the server that is called."""
    reception: Reception = request.app.state.reception
    return reception


AtReception = Annotated[Reception, Depends(reception_of)]


async def room_of(run: RunId, reception: AtReception) -> Room:
    """The session in the path.

    Raises:
        Refusal: 400, this is no id; 404, there is no such session.
        StoreError: It is damaged.
    """
    try:
        return await reception.house.room(check_id(run, "session"))
    except StoreError as error:
        raise await missing(reception, run, error) from error


async def missing(reception: Reception, run: str, error: StoreError) -> Exception:
    """What to say of a session that cannot be opened: 404 where there is none, its own words where it is damaged."""
    known = await reception.house.library()
    return error if run in {one.id for one in known.runs} else Refusal(404, str(error))


def actor_of(
    header: Annotated[
        str, Header(alias="X-Actor", description="Who acts, for the log, percent-encoded; the machine's user when left out.")
    ] = "",
    actor: Annotated[str, Query(description="Who acts, in place of the header.")] = "",
) -> str:
    """Who acts: a name to be shown and logged, never looked up."""
    return clean_actor(actor or unquote(header)) or system_user()


InRoom = Annotated[Room, Depends(room_of)]
Actor = Annotated[str, Depends(actor_of)]
