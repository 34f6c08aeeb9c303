"""A real browser and real servers for the tests of the web interface.

`serve` starts an app in a process of its own, because NiceGUI is one per process. `chromium` opens the browser; the fixtures in
`conftest.py` hand out pages that fail their test when the console shows an error. `axe` and `looked` judge a page.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # seconds for a server to answer, and for a page to open
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}


def executable() -> str:
    """Path of a Chromium; installed where the system allows it, else the test is skipped."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=True, capture_output=True, timeout=600)
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium found; install it (Debian: apt-get install chromium) to test the pages in a browser")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser with WebGL in software.

    While it is open, this thread's event loop counts as running, so `asyncio.run` is refused: keep it within one module.
    """
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), headless=True)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, and what went wrong on it.

    Attributes:
        page: The page.
        errors: Errors on the console, uncaught exceptions, requests that failed; a test may take out what it expects.
    """

    page: Page
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self._note(f"uncaught: {error}"))
        self.page.on("requestfailed", lambda request: self._note(f"failed: {request.url}: {request.failure}"))

    def _note(self, text: str) -> None:
        if "ERR_ABORTED" not in text:  # what a page still loads when it is left
            self.errors.append(text)


@contextmanager
def opened(browser: Browser, **settings: Any) -> Iterator[Watched]:
    """A page in a fresh context; fails at the end when anything went wrong on it.

    Args:
        browser: The browser.
        settings: As `Browser.new_context` takes them, such as `color_scheme` or `viewport`.
    """
    context: BrowserContext = browser.new_context(
        **{"viewport": dict(zip(("width", "height"), SIZES["wide"], strict=True)), **settings}
    )
    context.set_default_timeout(1000 * PATIENCE)
    try:
        watched = Watched(context.new_page())
        yield watched
        assert watched.errors == [], "\n".join(watched.errors)
    finally:
        context.close()


@dataclass(frozen=True)
class Server:
    """An app that runs in a process of its own.

    Attributes:
        url: Where it listens, without a slash at the end.
        process: The process.
        log: File that takes all it prints.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self.process.pid

    def memory(self) -> int:
        """Resident memory in bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def ask(self, path: str) -> Any:
        """JSON from the server."""
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return json.load(answer)

    def printed(self) -> str:
        """All it has printed so far."""
        return self.log.read_text(errors="replace")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def launched(command: Sequence[str], port: int, *, env: dict[str, str] | None = None) -> Iterator[Server]:
    """Run a command that listens on 127.0.0.1:port until it answers; it is ended afterwards, by its id.

    It may answer with any status: a guarded app says 401 to one without a token, and is ready none the less.
    Its output must hold no traceback at the end, but for a client that left before its answer.
    """
    folder = Path(tempfile.mkdtemp(prefix="served-"))
    log = folder / "log.txt"
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }  # NiceGUI behaves otherwise in tests
    setting = {**own, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **(env or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=setting, stdout=output, stderr=subprocess.STDOUT)
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        _await(server)
        yield server
        assert not _broken(server.printed()), server.printed()
    finally:
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _broken(printed: str) -> list[str]:
    """Errors that a server printed; Starlette's middleware prints one as well when a client leaves before its answer."""
    _, *requests = re.split(r"(?m)^ERROR: +Exception in ASGI application$", printed)
    gone = [text for text in requests if "RuntimeError: No response returned." in text]
    return [text for text in [*requests, printed.split("ERROR:", 1)[0]] if "Traceback" in text and text not in gone]


def _await(server: Server) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if server.process.poll() is not None:
            raise RuntimeError(f"the server ended with {server.process.returncode}:\n{server.printed()}")
        try:
            urllib.request.urlopen(server.url, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not answer in {PATIENCE:.0f} seconds:\n{server.printed()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def serve(app: Callable[..., None], **settings: Any) -> Iterator[Server]:
    """Run a small NiceGUI app.

    Args:
        app: A function at the top of a module that can be imported by name; it is called in the server and registers pages.
        settings: Its keyword arguments, JSON.
    """
    port = free_port()
    target = f"{app.__module__}:{app.__qualname__}"
    with launched([sys.executable, "-m", "tests.web.browser", target, str(port), json.dumps(settings)], port) as server:
        yield server


def axe(page: Page) -> list[str]:
    """Serious and critical violations of WCAG 2.0 to 2.2, A and AA, a line for each with the first element concerned."""
    page.evaluate(AXE_SCRIPT)
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    found = page.evaluate("(options) => axe.run(document, options).then((results) => results.violations)", options)
    grave = [one for one in found if one["impact"] in {"serious", "critical"}]
    return [f"{one['id']} ({one['impact']}, {len(one['nodes'])} times): {one['nodes'][0]['html'][:200]}" for one in grave]


def looked(page: Page, name: str) -> None:
    """Save pictures of a page, wide and narrow, light and dark, in the folder LORASTEER_SCREENSHOTS; nothing when unset."""
    folder = os.environ.get("LORASTEER_SCREENSHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for label, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(400)
            page.screenshot(path=str(Path(folder) / f"{name}-{label}-{scheme}.png"))
    page.emulate_media(color_scheme="null")
    if before:
        page.set_viewport_size(before)


def main(target: str, port: str, settings: str) -> None:
    """Run an app; what `serve` starts in its process."""
    from nicegui import ui

    module, _, name = target.partition(":")
    getattr(importlib.import_module(module), name)(**json.loads(settings))
    ui.run(
        host="127.0.0.1", port=int(port), reload=False, show=False, show_welcome_message=False, reconnect_timeout=30.0,
        language="en-US", dark=None, title="test",
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
