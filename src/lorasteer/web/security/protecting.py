"""The one call an app makes to be safe to open."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from lorasteer.web.security.asgi import App
from lorasteer.web.security.guard import Guard
from lorasteer.web.security.refusals import Refusal
from lorasteer.web.security.rules import Rules


def protect(app: FastAPI, rules: Rules) -> None:
    """Put the guard around an app, its error pages, what is mounted in it, and NiceGUI's websocket where NiceGUI is in use.

    Call it once, when NiceGUI is imported and before the first request. A `Refusal` that a route raises becomes a response.

    Args:
        app: The app that the server runs.
        rules: What the guard goes by.

    Raises:
        RuntimeError: The app has begun to serve, so a guard would come too late.
    """
    if app.middleware_stack is not None:
        raise RuntimeError("protect() comes after the first request; call it before the server starts")
    build = app.build_middleware_stack

    def guarded() -> App:
        return Guard(build(), rules)

    # add_middleware would put the guard inside of what answers unexpected errors, and those would go out without our headers
    app.build_middleware_stack = guarded  # type: ignore[method-assign]
    app.add_exception_handler(Refusal, _refused)
    if "nicegui" in sys.modules:
        _keep_sockets_home(rules)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return JSONResponse({"detail": str(error)}, error.status, error.headers)


def _keep_sockets_home(rules: Rules) -> None:
    """Let socket.io check the origin too, instead of taking any and sharing answers with it, as NiceGUI sets it up."""
    from nicegui import core

    def is_own(origin: str | None, environ: Mapping[str, str]) -> bool:
        return origin is not None and rules.allows_origin(origin, environ.get("HTTP_HOST", ""))

    engine: Any = core.sio.eio
    engine.cors_allowed_origins, engine.cors_credentials = is_own, False
