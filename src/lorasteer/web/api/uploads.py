"""`/uploads`: files of one's own, checked before anything reads them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request

from lorasteer.web.api.asked import AtReception
from lorasteer.web.api.bodies import Upload
from lorasteer.web.api.problems import refusals
from lorasteer.web.uploads import Received

router = APIRouter(prefix="/uploads", tags=["uploads"])
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=201, summary="Upload a file", responses=refusals(408, 429, 507), openapi_extra=_BODY)
async def receive(
    request: Request, reception: AtReception,
    name: Annotated[str, Query(max_length=500, description="What to call it; only shown.", examples=["base.zip"])] = "",
) -> Upload:  # fmt: skip
    """The file itself as the body: a zip of a base or of images, an image, `.npz` arrays, or a `.safetensors` adapter."""
    reception.starts.take()
    return _shown(await reception.uploads.receive(name, request.stream()))


@router.get("", summary="What was uploaded")
async def listed(reception: AtReception) -> list[Upload]:
    """All uploads, the oldest first."""
    return [_shown(received) for received in await asyncio.to_thread(reception.uploads.all)]


@router.delete("/{upload}", status_code=204, summary="Remove an upload", responses=refusals(404))
async def remove(upload: str, reception: AtReception) -> None:
    """Remove it from the disk; a base that was made of it stays."""
    await asyncio.to_thread(reception.uploads.remove, upload)


def _shown(received: Received) -> Upload:
    return Upload(id=received.id, kind=received.kind, name=received.name, bytes=received.bytes)
