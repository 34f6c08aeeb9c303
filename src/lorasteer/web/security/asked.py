"""What a request says about itself: the few facts that decide whether it is served."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

from lorasteer.web.security.asgi import Headers, Scope
from lorasteer.web.security.refusals import Refusal

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ONCE = (b"host", b"origin", b"authorization", b"content-length", b"sec-fetch-site", b"sec-fetch-mode")
_PROXY = (b"forwarded", b"x-forwarded-", b"x-real-ip")


@dataclass(frozen=True)
class Asked:
    """A request, http or websocket.

    Args:
        scope: As the server gives it.
    """

    scope: Scope

    @property
    def is_socket(self) -> bool:
        """Whether a websocket is asked for."""
        return bool(self.scope["type"] == "websocket")

    @property
    def method(self) -> str:
        """HTTP method; a websocket is opened by GET."""
        return str(self.scope.get("method", "GET"))

    @property
    def path(self) -> str:
        """Decoded path."""
        return str(self.scope["path"])

    def header(self, name: str) -> str:
        """First value of a header; empty where there is none."""
        return next(iter(self.headers(name)), "")

    def headers(self, name: str) -> list[str]:
        """All values of a header."""
        return [value.decode("latin-1") for key, value in self._raw if key == name.encode()]

    @property
    def bearer(self) -> str:
        """Token in an Authorization header; empty where there is none."""
        scheme, _, token = self.header("authorization").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    @property
    def query_token(self) -> str:
        """Token in the address; empty where there is none."""
        return next((unquote_plus(part[6:].decode("latin-1")) for part in self._query if _is_token(part)), "")

    def cookies(self, name: str) -> list[str]:
        """All values of a cookie; another port of this host may have set more than one."""
        pairs = (pair.partition("=") for header in self.headers("cookie") for pair in header.split(";"))
        return [value.strip() for key, _, value in pairs if key.strip() == name]

    def below(self, prefix: str) -> bool:
        """Whether the path is the prefix or lies below it."""
        return self.path == prefix or self.path.startswith(prefix + "/")

    @property
    def address(self) -> str:
        """Path and query as a safe place to be sent to: always on this host, whatever the path begins with."""
        query = bytes(self.scope["query_string"]).decode("latin-1")
        return quote("/" + self.path.lstrip("/\\")) + (f"?{quote(query, safe='%&=+')}" if query else "")

    def hide_token(self) -> None:
        """Take the token out of the address, so that neither the app nor a log sees it."""
        self.scope["query_string"] = b"&".join(part for part in self._query if not _is_token(part))

    def hide_proxies(self) -> None:
        """Take out what a proxy would say; there is none, so anybody could have written it."""
        self.scope["headers"] = [pair for pair in self._raw if not pair[0].startswith(_PROXY)]

    def check_headers(self, most: int) -> None:
        """Refuse a head that is too long, and a header twice that decides something.

        Args:
            most: Bytes of path, query and headers together.

        Raises:
            Refusal: 431 or 400.
        """
        size = len(self.scope.get("raw_path") or b"") + len(self.scope["query_string"])
        size += sum(len(name) + len(value) + 4 for name, value in self._raw)
        if size > most:
            raise Refusal(431, f"the headers have {size} bytes; allowed are {most}. Remove this site's cookies and try again.")
        names = [name for name, _ in self._raw]
        for name in _ONCE:
            if names.count(name) > 1:
                raise Refusal(400, f"header {name.decode()!r} came {names.count(name)} times; allowed is once. Send it once.")

    @property
    def _raw(self) -> Headers:
        return list(self.scope["headers"])

    @property
    def _query(self) -> list[bytes]:
        query = bytes(self.scope["query_string"])
        return query.split(b"&") if query else []


def _is_token(part: bytes) -> bool:
    return part.startswith(b"token=")
