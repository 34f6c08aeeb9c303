"""A real uvicorn server on a free port: plain routes in a thread, or a NiceGUI page in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import uvicorn
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

from lorasteer.web.security import Limits, RateLimit, Rules, Tokens, check_id, protect, uvicorn_options

KEY = "a-key-of-the-users-own"


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    port: int
    tokens: Tokens
    done: list[str]
    """What a route has done, to see that nothing was."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, *, key: str | None = KEY, **options: object) -> httpx.Client:
        """A program's client; it shows the user's token."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False, **options)  # type: ignore[arg-type]

    def browser(self) -> httpx.Client:
        """A client that holds a session's cookie, as a browser does."""
        with self.client(key=None) as login:
            assert login.get("/", params={"token": self.tokens.once()}).status_code == 303
        return self.client(key=None, cookies=dict(login.cookies))

    def raw(self, sent: bytes, *, timeout: float = 10) -> bytes:
        """Everything that comes back for these bytes, until the server closes or the time is up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(sent)
            return received(connection)


def received(connection: socket.socket) -> bytes:
    """What comes until the other side closes or the socket's time is up."""
    whole = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while piece := connection.recv(65_536):
            whole += piece
    return whole


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def routes(done: list[str]) -> FastAPI:
    """A page, some calls, a stream and a websocket."""
    app, starts = FastAPI(), RateLimit(per_minute=2)

    @app.get("/")
    def page() -> dict[str, str]:
        return {"page": "yes"}

    @app.get("/api/runs/{run}")
    def run(run: str) -> dict[str, str]:
        return {"run": check_id(run, "run")}

    @app.post("/api/act")
    async def act(request: Request) -> dict[str, int]:
        body = await request.body()
        done.append("act")
        return {"bytes": len(body)}

    @app.post("/api/uploads")
    async def upload(request: Request) -> dict[str, int]:
        return {"bytes": sum([len(piece) async for piece in request.stream()])}

    @app.post("/api/start")
    def start() -> None:
        starts.take()

    @app.get("/api/crash")
    def crash() -> None:
        raise ZeroDivisionError

    @app.get("/api/query")
    def query(request: Request) -> dict[str, str]:
        return {"query": str(request.query_params), "forwarded": request.headers.get("x-forwarded-prefix", "")}

    @app.get("/api/shared")
    def shared() -> StreamingResponse:
        return StreamingResponse(iter(["x"]), headers={"access-control-allow-origin": "*", "x-frame-options": "ALLOWALL"})

    @app.get("/api/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(_ticks(), media_type="text/event-stream")

    @app.websocket("/api/socket")
    async def echo(connection: WebSocket) -> None:
        await connection.accept()
        done.append("socket")
        with contextlib.suppress(Exception):
            while True:
                await connection.send_text(await connection.receive_text())

    return app


async def _ticks() -> AsyncIterator[str]:
    for tick in range(1_000):
        yield f"data: {tick}\n\n"
        await asyncio.sleep(0.05)


@contextlib.contextmanager
def served(limits: Limits | None = None, **rules: object) -> Iterator[Server]:
    """The routes behind the guard, in a thread."""
    server = Server(free_port(), Tokens(KEY), [])
    app = routes(server.done)
    guard = Rules("127.0.0.1", server.port, server.tokens, limits or Limits(), **rules)  # type: ignore[arg-type]
    protect(app, guard)
    runner = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(guard), log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        until(lambda: runner.started)
        yield server
    finally:
        runner.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@contextlib.contextmanager
def nicegui_site() -> Iterator[int]:
    """A NiceGUI page behind the guard, in a process of its own, because NiceGUI keeps one app for a whole process."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LORASTEER_TOKEN": KEY}
    for name in [name for name in environment if name.startswith("PYTEST")]:
        del environment[name]  # NiceGUI looks for it and then serves a test of its own
    process = subprocess.Popen([sys.executable, "-m", "tests.web.security.site", str(port)], env=environment)
    try:
        until(lambda: _answers(port), seconds=60)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 401
    except httpx.TransportError:
        return False


def until(true: object, seconds: float = 20) -> None:
    """Wait until a function says yes."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
