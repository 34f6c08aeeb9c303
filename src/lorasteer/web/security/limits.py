"""How much one server takes on at once."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Bounds of a server for one person and a few guests; beyond them it says no, instead of falling over.

    Args:
        body_bytes: Largest body of a request.
        bodies: Other sizes for paths that begin so, as `(prefix, bytes)`; the longest prefix counts.
        body_seconds: Longest wait for the next piece of a body.
        slowest: Bytes per second below which a body is cut off once `body_seconds` of waiting are used up.
        head_bytes: Largest first line and headers of a request together.
        head_seconds: Longest time a client may take to send them.
        connections: TCP connections at once, idle ones and websockets included.
        requests: Requests in work at once, streams of events included.
        websockets: Websockets at once; a browser tab has one.
        message_bytes: Largest message on a websocket.
    """

    body_bytes: int = MEGABYTE
    bodies: tuple[tuple[str, int], ...] = (("/api/uploads", 512 * MEGABYTE),)
    body_seconds: float = 20
    slowest: int = 1_000
    head_bytes: int = 32_768
    head_seconds: float = 10
    connections: int = 512
    requests: int = 128
    websockets: int = 64
    message_bytes: int = 2 * MEGABYTE

    def body_limit(self, path: str) -> int:
        """Largest body in bytes for a path.

        Example:
            >>> Limits().body_limit("/api/runs"), Limits().body_limit("/api/uploads")
            (1000000, 512000000)
        """
        fitting = [(len(prefix), size) for prefix, size in self.bodies if _below(path, prefix)]
        return max(fitting)[1] if fitting else self.body_bytes


def _below(path: str, prefix: str) -> bool:
    """Whether a path is the prefix or lies below it; `/api/uploads-all` is not below `/api/uploads`."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")
