"""What strangers are told: one line as JSON, or an inert page that says how to get in."""

from __future__ import annotations

import html
import json
import re
from http import HTTPStatus

from lorasteer.web.security.asgi import Headers, Send
from lorasteer.web.security.asked import Asked
from lorasteer.web.security.headers import INERT, secured
from lorasteer.web.security.refusals import Refusal

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{head}<title>lorasteer</title>
<style>:root{{color-scheme:light dark}}body{{font:1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem}}
</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""


async def refuse(asked: Asked, send: Send, refusal: Refusal) -> None:
    """Answer with a refusal and close the connection."""
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    if "text/html" in asked.header("accept"):
        kind, body = "text/html", _PAGE.format(head="", title=_title(refusal.status), text=html.escape(str(refusal)))
    else:
        kind, body = "application/problem+json", json.dumps(problem(refusal))
    await _answer(asked, send, refusal.status, kind, body, [*headers, (b"connection", b"close")])


def problem(refusal: Refusal) -> dict[str, str | int]:
    """A refusal as problem details (RFC 9457), the form of everything that the API refuses."""
    title = HTTPStatus(refusal.status).phrase
    kind = re.sub(r"[^a-z]+", "-", title.lower())
    return {"type": f"urn:lorasteer:{kind}", "title": title, "status": refusal.status, "detail": str(refusal)}


async def let_in(asked: Asked, send: Send, cookie: str) -> None:
    """Set the session's cookie and send the browser to the same address without the token.

    A cookie of this kind is not sent along a redirect that a link on another site began, as in a terminal in the browser. Such
    a browser gets a page that goes on by itself: then it is our own page that leads there.
    """
    headers = [(b"set-cookie", cookie.encode())]
    if asked.header("sec-fetch-site") in ("cross-site", "same-site"):
        head = f'<meta http-equiv="refresh" content="0; url={html.escape(asked.address)}">'
        page = _PAGE.format(head=head, title="Opening", text="The workbench opens.")
        await _answer(asked, send, 200, "text/html", page, headers)
    else:
        await _answer(asked, send, 303, "text/plain", "", [*headers, (b"location", asked.address.encode())])


async def _answer(asked: Asked, send: Send, status: int, kind: str, text: str, headers: Headers) -> None:
    """A whole response, over http or in place of a websocket."""
    body = text.encode()
    whole = secured(
        [
            (b"content-type", f"{kind}; charset=utf-8".encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *headers,
        ],
        INERT,
    )
    if asked.is_socket and "websocket.http.response" not in asked.scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    kind = "websocket.http.response" if asked.is_socket else "http.response"
    await send({"type": f"{kind}.start", "status": status, "headers": whole})
    await send({"type": f"{kind}.body", "body": body, "more_body": False})


def _title(status: int) -> str:
    return "This page needs a key" if status == 401 else "This is not possible"
