"""What `protect` goes by."""

from __future__ import annotations

from dataclasses import dataclass, field

from lorasteer.errors import SessionError
from lorasteer.web.security.hosts import is_loopback, is_own, name_of
from lorasteer.web.security.limits import Limits
from lorasteer.web.security.tokens import SHORTEST, VARIABLE, Tokens, cookie_name


@dataclass(frozen=True)
class Rules:
    """Where a server listens and whom it lets in.

    Args:
        host: What it listens on.
        port: Its port.
        tokens: What opens it.
        limits: How much it takes on.
        names: Names by which other machines reach it, for a server that does not only listen on this one.
        api: Path under which programs call; a token in an address serves a call there, and opens a browser elsewhere.

    Raises:
        SessionError: Other machines can reach it and the user set no token.
    """

    host: str
    port: int
    tokens: Tokens
    limits: Limits = field(default_factory=Limits)
    names: tuple[str, ...] = ()
    api: str = "/api"

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.tokens.has_user:
            raise SessionError(
                f"host {self.host!r} lets other machines in, so it needs a token of yours; allowed without one is 127.0.0.1. "
                f"Set {VARIABLE} to {SHORTEST} or more characters, or keep to 127.0.0.1 and tunnel: "
                f"ssh -L {self.port}:127.0.0.1:{self.port} <this machine>."
            )

    @property
    def cookie(self) -> str:
        """Name of the session's cookie."""
        return cookie_name(self.port)

    def allows_host(self, header: str) -> bool:
        """Whether a Host header names this server. The port is free, because a tunnel has one of its own."""
        name = name_of(header)
        return name is not None and is_own(name, self.host, self.names)

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether an Origin header is that of the server's own pages: the host and port that were asked.

        Args:
            origin: The Origin header.
            host: The Host header of the same request, already allowed.
        """
        scheme, separator, rest = origin.lower().partition("://")
        return bool(separator) and scheme in ("http", "https") and rest == host.lower()
