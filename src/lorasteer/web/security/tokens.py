"""Keys to the server: one that opens a browser once, one the user chose, and the session a browser holds afterwards."""

from __future__ import annotations

import hmac
import os
import secrets
from collections import deque
from collections.abc import Iterable

from lorasteer.errors import SessionError
from lorasteer.web.security.hosts import is_everywhere, netloc

VARIABLE = "LORASTEER_TOKEN"
"""Environment variable with the user's own token."""
SHORTEST = 16
"""Characters of a user's own token, at least."""
_OPEN, _SESSIONS, _BYTES = 8, 64, 32


class Tokens:
    """What opens one server. Everything but the user's own token is random (256 bit) and dies with the process.

    Args:
        user: The user's own token, valid as often as it is shown; empty for none.

    Raises:
        SessionError: The user's token is too short, or cannot stand in a header.

    Example:
        >>> tokens = Tokens()
        >>> key = tokens.once()
        >>> tokens.knows(tokens.redeem(key) or ""), tokens.redeem(key)
        (True, None)
    """

    def __init__(self, user: str = "") -> None:
        self._user = _checked(user) if user else ""
        self._open: deque[str] = deque(maxlen=_OPEN)
        self._sessions: deque[str] = deque(maxlen=_SESSIONS)

    @classmethod
    def from_environment(cls, given: str | None = None) -> Tokens:
        """With the token given as an option, else the one in LORASTEER_TOKEN, else none of the user's own."""
        return cls(given or os.environ.get(VARIABLE, ""))

    @property
    def has_user(self) -> bool:
        """Whether the user set a token."""
        return bool(self._user)

    def once(self) -> str:
        """A fresh token that opens one browser; of those not used yet the newest eight are valid."""
        token = secrets.token_urlsafe(_BYTES)
        self._open.append(token)
        return token

    def open_url(self, host: str, port: int, path: str = "/") -> str:
        """The address to open, with a fresh token in it.

        Args:
            host: What the server listens on; for all addresses of the machine, the loopback one is named.
            port: Its port.
            path: The page to open.
        """
        return f"http://{netloc('127.0.0.1' if is_everywhere(host) else host, port)}{path}?token={self.once()}"

    def redeem(self, token: str) -> str | None:
        """Exchange a token for a session; None when it opens nothing, or has opened a browser already."""
        spent = _find(token, self._open)
        if spent is not None:
            self._open.remove(spent)
        elif not self.is_user(token):
            return None
        session = secrets.token_urlsafe(_BYTES)
        self._sessions.append(session)
        return session

    def knows(self, session: str) -> bool:
        """Whether a browser's session was handed out by this process; the newest 64 are valid."""
        return _find(session, self._sessions) is not None

    def is_user(self, token: str) -> bool:
        """Whether this is the user's own token."""
        return _find(token, [self._user] if self._user else []) is not None


def cookie_name(port: int) -> str:
    """Name of the session's cookie. Browsers keep cookies by host, not by port, so two servers need two names.

    Example:
        >>> cookie_name(8081)
        'lorasteer-8081'
    """
    return f"lorasteer-{port}"


def _find(given: str, known: Iterable[str]) -> str | None:
    """The known secret equal to the given one; how long it takes tells nothing about how much of one was right."""
    wanted, found = given.encode("utf-8", "replace"), None
    for secret in tuple(known):
        if hmac.compare_digest(secret.encode(), wanted):
            found = secret
    return found


def _checked(token: str) -> str:
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise SessionError(
            f"the token has {len(token)} characters; allowed are {SHORTEST} or more letters, digits and signs without spaces. "
            f"Make one: python -c 'import secrets; print(secrets.token_urlsafe())', and set {VARIABLE}."
        )
    return token
