"""The map: its points, the newest picture, and the way of an iteration."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from lorasteer.web import views
from lorasteer.web.api.asked import InRoom, Number
from lorasteer.web.api.bodies import MapNow
from lorasteer.web.api.problems import refusals

router = APIRouter(prefix="/sessions/{run}", tags=["map"], responses=refusals(404, 409, 503))


@router.get("/map", summary="The map as it stands")
async def now(room: InRoom) -> MapNow:
    """Its points and the newest picture; both null before the first. The events tell of every new one."""
    return MapNow(points=room.points, frame=room.frame)


@router.get("/iterations/{number}/map", summary="The map on the way of an iteration")
async def pictures(room: InRoom, number: Number) -> Sequence[views.MapFrame]:
    """The pictures that were kept, the settled one last."""
    return await room.picture(number)
