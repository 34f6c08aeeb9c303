"""`serve`: listen, say where, open the browser, and end everything on Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import uvicorn

from lorasteer.store import runs_home
from lorasteer.web.actors import system_user
from lorasteer.web.api import Reception
from lorasteer.web.app import make_app
from lorasteer.web.engine import open_house
from lorasteer.web.house import House
from lorasteer.web.pages import register
from lorasteer.web.ports import listening
from lorasteer.web.security import Rules, Tokens, uvicorn_options
from lorasteer.web.uploads import Uploads

UPLOADS = "uploads"
"""Folder in the store for what is uploaded."""
PATIENCE = 3
"""Seconds that calls in work have to end when the server does."""
Tell = Callable[[str, int], None]
"""Told an address that opens one browser once, and the port."""


@dataclass(frozen=True)
class Serving:
    """What is served, and how.

    Args:
        bases: Folders of base models; those of the store's sessions are known without being named.
        store: Folder of the runs; the user's own when None.
        cache: Folder of activations and retrained models; the user's own when None.
        data: Where the data of the bases lies; as each recorded it when None.
        host: What to listen on.
        port: Port that must be free, 0 for any; None takes 8421 or the next that is free.
        browser: Open the browser.
        session: Run to open at; empty opens the library.
        begin: Begin a session on the first base that is ready when there is none yet, and open at it.
        leashed: End when the standard input does.
    """

    bases: Sequence[Path] = ()
    store: Path | None = None
    cache: Path | None = None
    data: str | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    browser: bool = True
    session: str = ""
    begin: bool = False
    leashed: bool = False


def serve(wanted: Serving, tell: Tell) -> None:
    """Serve the workbench until Ctrl-C or, on a leash, until the standard input ends.

    Args:
        wanted: What is served, and how.
        tell: Told the address when it can be opened, and a fresh one at each Enter in the terminal.

    Raises:
        SessionError: The port is taken, or another machine could come in without a token.
    """
    with contextlib.closing(listening(wanted.host, wanted.port)) as taken:
        rules = Rules(wanted.host, taken.getsockname()[1], Tokens.from_environment())
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended everything and passes the signal on
            asyncio.run(_serve(wanted, rules, taken, tell))


async def _serve(wanted: Serving, rules: Rules, taken: socket, tell: Tell) -> None:
    house = open_house(wanted.store, wanted.bases, cache=wanted.cache, data=wanted.data)
    uploads = Uploads((wanted.store or runs_home()) / UPLOADS)
    await asyncio.to_thread(uploads.sweep)
    reception = Reception(house, uploads)

    async def opened() -> None:
        path = await _first_page(house, wanted)

        def fresh() -> str:
            return rules.tokens.open_url(rules.host, rules.port, path)

        tell(fresh(), rules.port)
        if wanted.browser:
            _open_browser(fresh())
        _listen_to_input(server, wanted, lambda: tell(fresh(), rules.port))

    options = uvicorn_options(rules)
    config = uvicorn.Config(
        make_app(reception, rules, register), **options, log_level="error", timeout_graceful_shutdown=PATIENCE
    )
    server = Server(config, reception, opened)
    await server.serve([taken])


class Server(uvicorn.Server):
    """Uvicorn that says when it is open, and tells streams when it ends.

    Args:
        config: As uvicorn takes it.
        reception: Whose streams are told.
        opened: Awaited once, when the first call can be answered.
    """

    def __init__(self, config: uvicorn.Config, reception: Reception, opened: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._reception, self._opened = reception, opened

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        try:
            await self._opened()
        except BaseException:
            await self.shutdown(sockets)
            raise

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """End."""
        self._reception.closing.set()
        await super().shutdown(sockets)


async def _first_page(house: House, wanted: Serving) -> str:
    """Address of the page to open at."""
    if wanted.session:
        return f"/session/{wanted.session}"
    if not wanted.begin:
        return "/"
    library = await house.library()
    ready = [base for base in library.bases if base.ready]  # nobody should wait for a training before there is an address
    if library.runs or not ready:
        return "/"
    room = await house.begin(ready[0].id, name="demo", actor=system_user())
    return f"/session/{room.id}"


def _open_browser(url: str) -> None:
    """Open the browser where there is a screen; a text browser would take the terminal."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    if shown or sys.platform in ("darwin", "win32"):
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _listen_to_input(server: uvicorn.Server, wanted: Serving, fresh: Callable[[], None]) -> None:
    """Enter in the terminal asks for a fresh address; on a leash, the end of the input ends the server."""
    if not (wanted.leashed or sys.stdin.isatty()):
        return
    loop, number = asyncio.get_running_loop(), sys.stdin.fileno()

    def heard() -> None:
        if os.read(number, 4096):
            fresh()
            return
        loop.remove_reader(number)
        if wanted.leashed:
            server.should_exit = True

    with contextlib.suppress(NotImplementedError, PermissionError):  # no such thing on Windows, or for a file
        loop.add_reader(number, heard)
