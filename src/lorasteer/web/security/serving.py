"""How uvicorn listens: few connections, short heads, and no patience with clients that hold a connection and say nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from lorasteer.web.security.limits import Limits
from lorasteer.web.security.rules import Rules

_BODY = b'{"detail": "too many connections at once. Close some tabs and try again."}'
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"X-Content-Type-Options: nosniff\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s" % (len(_BODY), _BODY)
)


class BoundedProtocol(H11Protocol):
    """HTTP of one connection. A connection too many is turned away; one whose request does not come is closed.

    An app sees a request only when its head is whole, so neither can be done there.
    """

    limits = Limits()
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """A client has connected."""
        if len(self.connections) >= self.limits.connections:
            self.transport = transport
            transport.write(_BUSY)
            transport.close()
            return
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._idle and self._late is None:
            self._expect_head()
        super().data_received(data)
        if not self._idle:
            self._head_is_whole()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """The connection becomes a websocket and leaves this protocol."""
        self._head_is_whole()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._head_is_whole()
        super().connection_lost(exc)

    @property
    def _idle(self) -> bool:
        """Whether no request is in work."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self.limits.head_seconds, self.transport.close)

    def _head_is_whole(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def uvicorn_options(rules: Rules) -> dict[str, Any]:
    """Options for `uvicorn.Config`, or for `ui.run`, which passes them on."""
    limits = rules.limits
    return {
        "host": rules.host,
        "port": rules.port,
        "http": type("LimitedProtocol", (BoundedProtocol,), {"limits": limits}),
        "h11_max_incomplete_event_size": limits.head_bytes,
        "ws_max_size": limits.message_bytes,
        "proxy_headers": False,  # anybody could write them
        "server_header": False,
    }
