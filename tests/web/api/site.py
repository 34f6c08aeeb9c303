"""The API as it is served: behind the guard, on a real port, with the engine and its process at work."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from lorasteer.web.api import Reception, make_api
from lorasteer.web.engine import open_house
from lorasteer.web.security import RateLimit, Rules, Tokens, protect, uvicorn_options
from lorasteer.web.uploads import Uploads
from tests.web.security.serving import KEY, free_port, until

START = {"action": "start", "forget": "7", "intensity": 0.75, "settings": {"epochs": 3}}


@dataclass(frozen=True)
class Site:
    """A server that runs."""

    port: int
    reception: Reception
    root: Path

    def client(self, **headers: str) -> httpx.Client:
        """A program's client."""
        given = {"authorization": f"Bearer {KEY}", **headers}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api", headers=given, timeout=60, trust_env=False)


class Steered:
    """A session, as a program steers it."""

    def __init__(self, client: httpx.Client, view: dict[str, Any]) -> None:
        self.client, self.id, self.here = client, view["id"], f"/sessions/{view['id']}"

    @property
    def view(self) -> dict[str, Any]:
        return ok(self.client.get(self.here))

    def post(self, step: dict[str, Any], version: int | None = None, **headers: str) -> httpx.Response:
        """Decide, on the newest version unless another one is given."""
        based_on = self.view["version"] if version is None else version
        return self.client.post(f"{self.here}/steps", json={"step": step, "version": based_on}, headers=headers)

    def do(self, step: dict[str, Any]) -> dict[str, Any]:
        """Decide, and wait until the work is done."""
        ok(self.post(step))
        return self.settled()

    def settled(self) -> dict[str, Any]:
        """The session when it waits for a person."""
        until(lambda: self.view["state"] not in ("unlearning", "evaluating"), seconds=60)
        return self.view


def ok(response: httpx.Response, status: int = 200) -> Any:
    """The document of a call that went well."""
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def refused(response: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """The problem of a call that was refused in one clear line with these words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].partition(";")[0] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert "\n" not in problem["detail"]
    assert "Traceback" not in response.text
    for word in words:
        assert word in problem["detail"], f"{word!r} is not in: {problem['detail']}"
    return problem


def begin(site: Site, client: httpx.Client, name: str = "") -> Steered:
    """A new session on the small base."""
    base = next(base for base in ok(client.get("/library"))["bases"] if base["model"] == "mlp")
    return Steered(client, ok(client.post("/sessions", json={"base": base["id"], "name": name}), 201))


def events(lines: Iterator[str]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Name, id and data of each event of a stream."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], int(fields["id"]), json.loads(fields["data"])
            fields = {}


@contextlib.contextmanager
def served(root: Path, base: Path, *, starts: RateLimit | None = None) -> Iterator[Site]:
    """The API with a house on a small base.

    Args:
        root: Where the store lies.
        base: Folder of the base.
        starts: How often something may be started; as often as a test likes when left out.
    """
    rules = Rules("127.0.0.1", free_port(), Tokens(KEY))
    house = open_house(root / "store", [base], cache=root / "cache")
    reception = Reception(house, Uploads(root / "uploads"), starts or RateLimit(per_minute=100_000))
    app = FastAPI(lifespan=_closing(reception))
    app.mount("/api", make_api(reception))
    protect(app, rules)
    config = uvicorn.Config(app, **uvicorn_options(rules), log_level="critical", timeout_graceful_shutdown=1)
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        until(lambda: runner.started)
        yield Site(rules.port, reception, root)
    finally:
        runner.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def _closing(reception: Reception) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        yield
        reception.closing.set()
        await reception.house.close()

    return lifespan


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun
