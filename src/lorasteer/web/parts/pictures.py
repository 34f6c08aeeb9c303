"""Pictures of examples for a page: asked for once, kept as text that an image can show."""

from __future__ import annotations

import base64
from collections import OrderedDict

from lorasteer.errors import LorasteerError
from lorasteer.web.house import Room

KEPT = 2000
"""Pictures that are remembered."""


class Pictures:
    """Pictures of a session's training examples.

    Args:
        room: The session.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._kept: OrderedDict[int, str] = OrderedDict()

    async def source(self, index: int) -> str:
        """What an `img` takes as its source; empty where the picture cannot be had."""
        if index not in self._kept:
            try:
                image = await self._room.image(index)
            except LorasteerError:
                return ""
            self._kept[index] = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[index]
