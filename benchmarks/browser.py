"""The workbench in a headless browser, on the real engine: how long a person waits for numbers, pictures and the server.

`lorasteer web` runs as a process of its own, Chromium opens a session, and everything is timed inside the page, from the press of
a mouse or a key to the change that is seen. Server, engine, map, browser and this script share the machine; WebGL is in software.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Page, expect

from benchmarks.common import mnist, say, trained, write
from benchmarks.table1 import MNIST
from lorasteer import load_data
from lorasteer.session.demo import MODEL
from lorasteer.tasks.base import save_base
from lorasteer.tasks.vision.models import recipe_for
from tests.web.browser import chromium, opened
from tests.web.command import running

KEY = "a-key-for-the-benchmark-alone"
STARTS, TURNS = 5, 15
WATCHED = 10.0  # seconds of a training
LONG = {"epochs": 1000, "stop_at": None}
SEVEN, START = '[aria-label^="class 7,"]', "[data-action=start]"
LIMITS = {"start": 0.5, "dial": 0.15, "server": 0.05}

CHANGE = """([selector, event]) => {
  const seen = () => document.querySelector(selector).innerText;
  window.waited = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("nothing changed within 20 seconds")), 20000);
    const before = seen();
    let began = 0;
    document.addEventListener(event, () => { began ||= performance.now(); }, { once: true, capture: true });
    const look = () => { if (began && seen() !== before) resolve(performance.now() - began); };
    new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true });
  });
}"""
"""From a press to the first change of what an element says (milliseconds)."""

DRAWN = """(seconds) => new Promise((resolve) => {
  let count = 0;
  document.querySelector(".js-plotly-plot").on("plotly_afterplot", () => { count += 1; });
  setTimeout(() => resolve(count), 1000 * seconds);
})"""
"""How often the map is drawn in some seconds."""


class Site:
    """A workbench that runs, and a page of it.

    Args:
        page: The page.
        root: Its address.
        api: The same over HTTP.
    """

    def __init__(self, page: Page, root: str, api: httpx.Client) -> None:
        self.page, self.root, self.api = page, root, api

    def begin(self) -> str:
        """A session with class 7 chosen, its map drawn; gives its address over HTTP."""
        base = self.api.get("/library").json()["bases"][0]["id"]
        run = self.api.post("/sessions", json={"base": base}).raise_for_status().json()["id"]
        self.page.goto(f"{self.root}/session/{run}")
        self.page.locator(SEVEN).click()
        expect(self.page.locator(".js-plotly-plot")).to_be_visible(timeout=60_000)
        expect(self.page.locator(START)).to_be_enabled()
        return f"/sessions/{run}"

    def waited(self, selector: str, event: str, press: Any) -> float:
        """Seconds from a press to a change."""
        self.page.evaluate(CHANGE, [selector, event])
        press()
        return float(self.page.evaluate("() => window.waited")) / 1000

    def step(self, here: str, **step: Any) -> dict[str, Any]:
        """Take a decision over HTTP."""
        version = self.api.get(here).json()["version"]
        return dict(self.api.post(f"{here}/steps", json={"step": step, "version": version}).raise_for_status().json())

    def still(self, here: str) -> None:
        """Wait until a person is in charge again."""
        while self.api.get(here).json()["state"] not in ("reviewing", "idle"):
            time.sleep(0.1)


def started(site: Site) -> list[float]:
    """From a click on Start to the first number that is another one, in new sessions."""
    times = []
    for _ in range(STARTS):
        here = site.begin()
        time.sleep(3)  # the first picture, and what a person needs to look at it
        start = site.page.locator(START)
        times.append(site.waited(".wb-headline", "click", start.click))
        site.still(here)
    return times


def dialled(site: Site) -> list[float]:
    """From a key on the dial to the table at that strength."""
    dial = site.page.get_by_label("Strength of the change, 0 leaves the base, 1 is as trained").locator("[tabindex]").first
    dial.focus()
    times = []
    for turn in range(TURNS):
        times.append(site.waited(".wb-table", "keydown", lambda: site.page.keyboard.press(("ArrowLeft", "ArrowRight")[turn % 2])))  # noqa: B023
        time.sleep(0.3)
    site.page.keyboard.press("Escape")
    return times


def trains(site: Site, here: str) -> tuple[float, list[float]]:
    """Pictures drawn in a second of a training, and how long the server takes for the least of requests meanwhile."""
    site.step(here, action="adjust", settings=LONG)
    time.sleep(3)
    answers, over = list[float](), threading.Event()

    def ask() -> None:
        while not over.wait(0.05):
            began = time.perf_counter()
            site.api.get("/nothing")
            answers.append(time.perf_counter() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    drawn = site.page.evaluate(DRAWN, WATCHED)
    over.set()
    asking.join()
    assert site.api.get(here).json()["state"] == "unlearning"
    site.api.post(f"{here}/interrupt").raise_for_status()
    site.still(here)
    return drawn / WATCHED, answers


def measured(name: str, folder: Path) -> dict[str, Any]:
    """All of it on one base."""
    with (
        tempfile.TemporaryDirectory() as home,
        running(Path(home), folder, "--port", 0, LORASTEER_TOKEN=KEY, OMP_NUM_THREADS="1") as (_, url),
        chromium() as browser,
        opened(browser) as seen,
    ):
        root = url.split("/?", 1)[0].rstrip("/")
        headers = {"authorization": f"Bearer {KEY}", "x-actor": "benchmark"}
        with httpx.Client(base_url=f"{root}/api", headers=headers, trust_env=False, timeout=120) as api:
            seen.page.goto(url)
            site = Site(seen.page, root, api)
            starts = started(site)
            dials = dialled(site)
            here = "/sessions/" + seen.page.url.rpartition("/session/")[2]
            frames, answers = trains(site, here)
    found = {"start": starts, "dial": dials, "server": answers, "frames": frames}
    say(f"{name}: start {statistics.median(starts):.3f}, dial {statistics.median(dials):.3f}, frames {frames:.1f}/s")
    return found


def main() -> None:
    """Digits and MNIST."""
    with tempfile.TemporaryDirectory() as folder:
        digits, numbers = load_data("digits"), mnist()
        bases = {
            "digits": trained(digits, MODEL, recipe_for(MODEL, len(digits.train)), 0),
            "MNIST": trained(numbers, MNIST.model, MNIST.recipe, 0),
        }
        found = {name: measured(name, save_base(base, Path(folder) / name)) for name, base in bases.items()}
    rows = []
    for name, times in found.items():
        for what, words in (("start", "Start to the first changed number"), ("dial", "dial to the table"), ("server", "answer")):
            seconds = times[what]
            rows.append([
                f"{name}: {words}", f"{statistics.median(seconds):.3f}", f"{float(np.percentile(seconds, 95)):.3f}",
                f"{LIMITS[what]:g}", str(len(seconds)),
            ])  # fmt: skip
        rows.append([f"{name}: pictures drawn a second while it trains", f"{times['frames']:.1f}", "–", "at least 5", "1"])
    note = (
        "Seconds in headless Chromium, from the press to the change that is seen. `answer` is a whole request for nothing, asked "
        "20 times a second while a model trains and the map moves: the lag of the server's loop and more. The map has 2,000 "
        "points on MNIST and 1,258 on digits."
    )
    write(
        "browser", "The workbench in a browser", None, ["", "median", "95 %", "goal", "n"], rows, note, seconds=found
    )  # fmt: skip
