"""The guard at the door: every request, http or websocket, passes here before any page or route sees it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lorasteer.web.security.answers import let_in, refuse
from lorasteer.web.security.asgi import App, Message, Receive, Scope, Send
from lorasteer.web.security.asked import SAFE, Asked
from lorasteer.web.security.bodies import Body
from lorasteer.web.security.headers import page_policy, secured
from lorasteer.web.security.refusals import Refusal
from lorasteer.web.security.rules import Rules


class Guard:
    """An app with a guard in front: host, origin, key, and how much at once.

    Args:
        app: What is guarded, error pages included.
        rules: What the guard goes by.
    """

    def __init__(self, app: App, rules: Rules) -> None:
        self.app, self.rules = app, rules
        self._busy = {"http": 0, "websocket": 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] not in self._busy:
            await self.app(scope, receive, send)  # start and end of the server
            return
        asked = Asked(scope)
        asked.hide_proxies()
        try:
            session = self._admit(asked)
            if session:
                await let_in(asked, send, self._cookie(asked, session))
                return
            with self._place(asked):
                await self._serve(asked, receive, _securing(asked, send))
        except Refusal as refusal:
            asked.hide_token()
            await refuse(asked, send, refusal)

    def _admit(self, asked: Asked) -> str | None:
        """Let a request in, or give the session that its token was exchanged for.

        Raises:
            Refusal: 400 for a foreign host, 431 for a long head, 403 for a foreign origin, 401 without a key.
        """
        asked.check_headers(self.rules.limits.head_bytes)
        self._check_host(asked)
        self._check_origin(asked)
        return self._check_key(asked)

    def _check_host(self, asked: Asked) -> None:
        host = asked.header("host")
        if not self.rules.allows_host(host):
            raise Refusal(
                400, f"host {host[:80]!r} is not this server; allowed are 127.0.0.1, localhost and names it was given. "
                "Open the address it printed.",
            )  # fmt: skip

    def _check_origin(self, asked: Asked) -> None:
        """Requests that a page of another origin makes; a browser says so, and a page cannot keep it from doing so."""
        origin = asked.header("origin")
        if origin and not self.rules.allows_origin(origin, asked.header("host")):
            raise Refusal(403, f"origin {origin[:80]!r} may not use this server; allowed are its own pages. Open one of them.")
        if asked.header("sec-fetch-site") in ("cross-site", "same-site") and not _is_visit(asked):
            raise Refusal(403, "another site asked for this; allowed is to open a page by a link. Open the page itself.")
        if not origin and (asked.is_socket or asked.method not in SAFE) and not self._has_user_token(asked):
            raise Refusal(
                403, "the Origin header is missing; allowed without it are GET and HEAD, or your own token. "
                "Send `Authorization: Bearer <token>`.",
            )  # fmt: skip

    def _has_user_token(self, asked: Asked) -> bool:
        return self.rules.tokens.is_user(asked.bearer) or self.rules.tokens.is_user(asked.query_token)

    def _check_key(self, asked: Asked) -> str | None:
        tokens, token = self.rules.tokens, asked.query_token
        known = any(tokens.knows(value) for value in asked.cookies(self.rules.cookie))
        if token and asked.method == "GET" and not asked.is_socket and not asked.below(self.rules.api):
            session = tokens.redeem(token) or (asked.cookies(self.rules.cookie)[0] if known else None)
            asked.hide_token()
            if session:
                return session
        elif known or self._has_user_token(asked):
            asked.hide_token()
            return None
        raise Refusal(
            401,
            "this server needs a key. Open the address that lorasteer printed when it started; it opens one browser, once, so "
            "ask for a fresh one there. Programs send your own token: `Authorization: Bearer <token>`.",
        )

    def _cookie(self, asked: Asked, session: str) -> str:
        secure = "; Secure" if asked.scope.get("scheme") == "https" else ""
        return f"{self.rules.cookie}={session}; HttpOnly; SameSite=Strict; Path=/{secure}"

    @contextlib.contextmanager
    def _place(self, asked: Asked) -> Iterator[None]:
        """One of the places for requests or websockets."""
        kind, limits = asked.scope["type"], self.rules.limits
        most = limits.websockets if asked.is_socket else limits.requests
        if self._busy[kind] >= most:
            raise Refusal(
                503, f"{most} {kind} requests are in work already, which is all that are allowed. Try again soon.", retry_after=1
            )
        self._busy[kind] += 1
        try:
            yield
        finally:
            self._busy[kind] -= 1

    async def _serve(self, asked: Asked, receive: Receive, send: Send) -> None:
        if asked.is_socket:
            await self.app(asked.scope, receive, send)
            return
        body = Body(asked, receive, send, self.rules.limits)
        body.check_length()
        try:
            await self.app(asked.scope, body.receive, body.send)
        except Exception:
            if not body.refused:  # an app that was told its client has gone may break off as it likes
                raise


def _is_visit(asked: Asked) -> bool:
    """Whether a person follows a link to a page, as opposed to another page fetching something."""
    return asked.method == "GET" and not asked.is_socket and asked.header("sec-fetch-mode") == "navigate"


def _securing(asked: Asked, send: Send) -> Send:
    """Send with our headers on whatever begins a response."""
    policy = page_policy(asked.header("host"))

    async def secure(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            message = {**message, "headers": secured(list(message.get("headers", [])), policy)}
        await send(message)

    return secure
