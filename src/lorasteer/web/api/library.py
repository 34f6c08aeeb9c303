"""`/library` and `/bases`: what there is, and a new base of one's own."""

from __future__ import annotations

from fastapi import APIRouter

from lorasteer.errors import DataError
from lorasteer.web import views
from lorasteer.web.api.asked import AtReception
from lorasteer.web.api.bodies import Adopt
from lorasteer.web.api.problems import refusals

router = APIRouter(tags=["library"])


@router.get("/library", summary="Bases and sessions")
async def library(reception: AtReception) -> views.LibraryView:
    """Everything that a session can be begun on, and every session, the newest first."""
    return await reception.house.library()


@router.post("/bases", status_code=201, summary="Take an upload as a base", responses=refusals(404, 429))
async def adopt(wanted: Adopt, reception: AtReception) -> views.BaseView:
    """Take an uploaded base (a zip with base.json and model.safetensors) into the library."""
    reception.starts.take()
    received = reception.uploads.get(wanted.upload)
    if received.kind != "base":
        raise DataError(f"upload {received.name!r} is {received.kind}, no base; allowed is a zip of a base folder. Upload one.")
    return await reception.house.adopt(received.path, wanted.name or received.name)
