"""What every route works with: the house, and what the API itself has to remember."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from lorasteer.web.api.downloads import Downloads
from lorasteer.web.api.once import Once
from lorasteer.web.house import House
from lorasteer.web.security import RateLimit
from lorasteer.web.uploads import Uploads

STARTS_PER_MINUTE = 60


def _starts() -> RateLimit:
    return RateLimit(per_minute=STARTS_PER_MINUTE, what="starts of expensive work")


@dataclass
class Reception:
    """Everything the API is served from; one for each server.

    Args:
        house: The work.
        uploads: What was uploaded.
        starts: How often something expensive may be started.
        once: Answers by idempotency key.
        downloads: What was made to be downloaded.
        closing: Set when the server ends, so that streams end too.
    """

    house: House
    uploads: Uploads
    starts: RateLimit = field(default_factory=_starts)
    once: Once = field(default_factory=Once)
    downloads: Downloads = field(default_factory=Downloads)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
