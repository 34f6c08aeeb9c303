"""Examples: found by words, one by one, and their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from lorasteer.web import views
from lorasteer.web.api.asked import Index, InRoom
from lorasteer.web.api.problems import refusals

router = APIRouter(prefix="/sessions/{run}/examples", tags=["examples"], responses=refusals(404, 409, 503))


@router.get("", summary="Find examples")
async def find(
    room: InRoom,
    text: Annotated[str, Query(max_length=1_000, description="Words of a class, an id or an attribute.", examples=["7"])] = "",
    limit: Annotated[int, Query(ge=1, le=1_000, description="How many at most.")] = 60,
) -> Sequence[views.ExampleView]:
    """Training examples whose class, id or attributes match typed words."""
    return await room.find(text, limit)


@router.get("/{index}", summary="One example")
async def example(room: InRoom, index: Index) -> views.ExampleView:
    """A training example with what the base and the head answer to it."""
    return await room.example(index)


@router.get(
    "/{index}/image",
    summary="Picture of an example",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def image(
    room: InRoom, index: Index, part: Annotated[Literal["train", "test"], Query(description="Of which set.")] = "train"
) -> Response:
    """The picture as PNG."""
    return Response(await room.image(index, part), media_type="image/png")
