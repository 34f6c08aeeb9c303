"""The workbench as one app: the pages in front, the HTTP API under `/api`, the guard around both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from nicegui import ui

from lorasteer.web.api import Reception, make_api
from lorasteer.web.house import House
from lorasteer.web.security import Rules, protect

RECONNECT = 30.0
"""Seconds in which a browser may come back and find its page as it was."""
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#5b6ee1" stroke-width="2.4" '
    'stroke-linecap="round"><path d="M4 18a9 9 0 0 1 16 0"/><path d="M12 18 16.5 9"/>'
    '<circle cx="12" cy="18" r="2" fill="#5b6ee1" stroke="none"/></svg>'
)


def make_app(reception: Reception, rules: Rules, pages: Callable[[House], None]) -> FastAPI:
    """The app that a server runs. NiceGUI has one app for a process, so there is one of these too.

    Nothing is kept in NiceGUI's storage, so it needs no secret, sets no cookie and writes no file.

    Args:
        reception: What it is served from; its house is closed when the server ends.
        rules: Whom it lets in.
        pages: Registers the pages.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=_closing(reception))
    app.mount("/api", make_api(reception))  # before the pages, which take every other address
    pages(reception.house)
    ui.run_with(
        app, title="lorasteer", favicon=FAVICON, dark=None, language="en-US", reconnect_timeout=RECONNECT,
        show_welcome_message=False,
    )  # fmt: skip
    protect(app, rules)
    return app


def _closing(reception: Reception) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await reception.house.close()

    return lifespan
