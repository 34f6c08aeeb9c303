"""What is measured: an iteration, the head at another strength, and what a request would do."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from lorasteer.web import views
from lorasteer.web.api.asked import InRoom, Number
from lorasteer.web.api.bodies import Look, check_step
from lorasteer.web.api.problems import refusals
from lorasteer.web.security import Refusal

router = APIRouter(prefix="/sessions/{run}", tags=["numbers"], responses=refusals(404, 409, 503))


@router.get("/iterations/{number}", summary="Measurements of an iteration")
async def findings(
    room: InRoom, number: Number,
    before: Annotated[int | None, Query(ge=0, le=1_000_000, description="The other iteration; its parent when left out.")] = None,
) -> views.Findings:  # fmt: skip
    """The table, accuracies by class, examples that changed most, confidence and confusion."""
    return await room.findings(number, before)


@router.get("/dial", summary="The head at another strength")
async def dial(
    room: InRoom,
    strength: Annotated[float, Query(ge=0, le=1.5, allow_inf_nan=False, description="Scale of the change.", examples=[0.5])],
) -> views.Findings:
    """Measured without training, and not kept. Of several calls that wait, only the last is answered; the others get 409."""
    asked = asyncio.ensure_future(room.dial(strength))
    try:
        await asyncio.wait({asked})
    finally:
        asked.cancel()
    if asked.cancelled():
        raise Refusal(
            409, f"strength {strength:g} was asked for, and another one after it; only the last is answered. Take that."
        )
    return asked.result()


@router.post("/preview", summary="What a request would do")
async def preview(wanted: Look, room: InRoom) -> views.Preview:
    """What it selects and is translated into, before anything is done."""
    check_step(wanted.step)
    return await room.preview(wanted.step)
