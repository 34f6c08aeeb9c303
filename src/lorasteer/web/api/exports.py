"""What is taken away: made by one call, downloaded by another."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from lorasteer.web.api.asked import AtReception, InRoom, Key
from lorasteer.web.api.bodies import Made, Make
from lorasteer.web.api.problems import refusals

router = APIRouter(tags=["exports"])
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.post(
    "/sessions/{run}/exports", status_code=201, summary="Make a file to take away", responses=refusals(404, 409, 429, 503)
)
async def make(wanted: Make, room: InRoom, reception: AtReception, key: Key = "") -> Made:
    """The adapter, the merged model or the report of an iteration as one file. Download it from `/api/exports/{id}`."""

    async def work() -> Made:
        reception.starts.take()
        export, path = await room.export(wanted.number, wanted.kind)
        return Made(**export.model_dump(), id=reception.downloads.put(path, export.file))

    return await reception.once(key, f"export {room.id} {wanted.to_json()}", work)


@router.get("/exports/{export}", summary="Download a file", response_class=FileResponse, responses={**_FILE, **refusals(404)})
async def download(export: str, reception: AtReception) -> FileResponse:
    """The file, always as an attachment."""
    path, name = reception.downloads.get(export)
    return FileResponse(path, filename=name, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})
