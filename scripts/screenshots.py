"""Pictures of the workbench for the documentation, docs/assets/web/*.webp: `python -m scripts.screenshots`.

The real program serves a store of its own, a session is steered through its HTTP API, and Chromium takes each page in both looks
at two widths. It takes a few minutes, most of them for the base on digits. `--url` takes the pictures from a workbench that runs
already; its address is the one that it prints.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import APIResponse, Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "assets" / "web"
LARGEST = 120_000
"""Bytes of a picture, at most."""
SIZES = {"1280": (1280, 800), "390": (390, 844)}
SCHEMES = ("light", "dark")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE = 600.0
"""Seconds for a base to be trained and a session to be steered."""
MAP_PATIENCE = 20.0
"""Seconds for the map to become still after each step."""
STEPS: tuple[Mapping[str, Any], ...] = (
    {"action": "start", "forget": "7", "intensity": 0.75},
    {"action": "adjust", "intensity": 0.25, "why": "less may be enough"},
    {"action": "continue"},
    {"action": "go", "number": 2},
    {"action": "commit", "strength": 0.7, "why": "how little does it take?"},
)
"""What is done in the session that is shown."""


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--url", help="address that a running workbench has printed; one is started when left out")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the pictures go")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as store, workbench(given.url, Path(store)) as url, chromium() as browser:
        for path in take(browser, url, given.out):
            print(f"{path.relative_to(given.out.parent)} {path.stat().st_size / 1000:.0f} kB")


@contextmanager
def workbench(url: str | None, store: Path) -> Iterator[str]:
    """A workbench that runs; one that is started here ends when its input does.

    Args:
        url: Address of one that runs already.
        store: Folder for the sessions of one that is started.
    """
    if url:
        yield url
        return
    command = [sys.executable, "-c", "from lorasteer.cli import main; main()", "web", "--no-browser", "--json", "--port", "0"]
    command += ["--until-input-ends", "--store", str(store), "--cache", str(store / "cache")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        line = run.stdout.readline()
        if not line:
            raise SystemExit("the workbench did not start; `lorasteer web` says why.")
        yield str(json.loads(line)["url"])
        run.stdin.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium without a window."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise SystemExit("no Chromium found; install it (Debian: apt-get install chromium) and run this again.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


def take(browser: Browser, url: str, folder: Path) -> Iterator[Path]:
    """Steer a session and take each page of it.

    Args:
        browser: The browser.
        url: Address that opens one browser, once.
        folder: Where the pictures go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    origin = "/".join(url.split("/", 3)[:3])
    run = steered(page, origin)
    pages = {
        "library": "/", "workbench": f"/session/{run}", "compare": f"/session/{run}/compare?iterations=1,2,3",
        "export": f"/session/{run}/export",
    }  # fmt: skip
    for name, path in pages.items():
        page.goto(origin + path)
        yield from _each_look(page, folder, name)
    context.close()


def steered(page: Page, origin: str) -> str:
    """Steer a session through `STEPS`, then begin two more that wait; returns the first one's id.

    Args:
        page: A page that was let in.
        origin: Address of the workbench.
    """
    base = _ask(page, origin, "GET", "/library")["bases"][0]["id"]
    view = _ask(page, origin, "POST", "/sessions", {"base": base, "name": "No sevens"})
    for step in STEPS:
        _ask(page, origin, "POST", f"/sessions/{view['id']}/steps", {"step": step, "version": view["version"]})
        view = _settled(page, origin, view["id"])
    for name in ("Which nines matter", "Threes that look like fives"):
        _ask(page, origin, "POST", "/sessions", {"base": base, "name": name})
    return str(view["id"])


def _settled(page: Page, origin: str, run: str) -> Any:
    """The session once it waits for a person, and its map is still or has had its time."""
    until, still = time.monotonic() + PATIENCE, 0.0
    while time.monotonic() < until:
        view = _ask(page, origin, "GET", f"/sessions/{run}")
        if view["state"] == "reviewing":
            still = still or time.monotonic() + MAP_PATIENCE
            frame = _ask(page, origin, "GET", f"/sessions/{run}/map")["frame"]
            if (frame and _is_of(frame, view["head"])) or time.monotonic() > still:
                return view
        time.sleep(0.5)
    raise SystemExit(f"the session did not come to rest within {PATIENCE:.0f} seconds.")


def _is_of(frame: Mapping[str, Any], number: int) -> bool:
    return frame["number"] == number and frame["step"] is None and frame["status"] in ("settled", "differs")


def _ask(page: Page, origin: str, method: str, path: str, body: Any = None) -> Any:
    """Ask the HTTP API as the browser that was let in."""
    answer: APIResponse = page.context.request.fetch(
        f"{origin}/api{path}", method=method, data=body, headers={"Origin": origin}, timeout=1000 * PATIENCE
    )
    if not answer.ok:
        raise SystemExit(f"{method} {path} was refused: {answer.text()}")
    return answer.json()


def _each_look(page: Page, folder: Path, name: str) -> Iterator[Path]:
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.wait_for_function("window.did_handshake")
            page.wait_for_timeout(2000)  # until maps and charts are drawn in these colours
            path = folder / f"{name}-{scheme}-{size}.webp"
            path.write_bytes(compressed(page.screenshot()))
            yield path


def compressed(png: bytes) -> bytes:
    """A picture as WebP, as good as it can be within `LARGEST`.

    Args:
        png: The picture as it was taken.
    """
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (90, 80, 65, 50, 35):
        out = io.BytesIO()
        image.save(out, "WEBP", quality=quality, method=6)
        if out.tell() < LARGEST:
            break
    return out.getvalue()


if __name__ == "__main__":
    main()
