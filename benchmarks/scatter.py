"""The map in a headless browser: how often it is drawn, how old it is by then, and how long a lasso waits for its answer.

A small server feeds frames of points that all move; the browser acknowledges each drawing. WebGL is computed in software here,
which is slower than the graphics chip of most machines. Server, browser and this script share the machine.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

from benchmarks.common import say, write
from tests.web.browser import FLAGS, Server, chromium, opened, serve
from tests.web.embedding_app import SPREAD, build
from tests.web.embedding_hand import lasso, shown, turned, until

COUNTS = (2000, 10_000, 60_000)
RATES = (5, 10)
SECONDS = 10
LASSOS = 5
GOALS = (
    "Goals: with 10,000 points at 5 updates a second p95 <= 150 ms; a lasso <= 300 ms; with 2,000 points >= 5 updates a second."
)

ANSWER = """() => {
  const plot = document.querySelector(".js-plotly-plot"), label = document.querySelector("[role=status]");
  window.answer = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no answer to a lasso within 30 seconds")), 30000);
    const found = {};
    let up = 0;
    const done = (name) => {
      found[name] ??= performance.now() - up;
      if (found.words && found.drawn) resolve(found);
    };
    document.addEventListener("mouseup", () => { up = performance.now(); }, { once: true, capture: true });
    const watch = new MutationObserver(() => done("words"));
    watch.observe(label, { childList: true, characterData: true, subtree: true });
    plot.on("plotly_afterplot", () => { if (up && plot._fullData.at(-1).marker.opacity === 1) done("drawn"); });
  });
}"""
"""From the release of the mouse to the words that say what is selected, and to the drawing that shows it (milliseconds)."""


def fed(server: Server, view: int, rate: int) -> dict[str, float]:
    """Feed frames for a while: updates a second, and median and 95th percentile of their age when drawn (ms)."""
    before = len(server.ask(f"/test/state?view={view}")["timings"])
    started, last = time.perf_counter(), server.ask("/test/state")["seq"] + rate * SECONDS
    server.ask(f"/test/feed?rate={rate}&frames={rate * SECONDS}")
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == last, 4 * SECONDS)
    took = time.perf_counter() - started
    ages = [ms for _, ms in server.ask(f"/test/state?view={view}")["timings"][before:]]
    return {"updates": len(ages) / took, "p50": statistics.median(ages), "p95": float(np.percentile(ages, 95))}


def lassoed(page: Page, server: Server, view: int) -> dict[str, float]:
    """One class after the other in a lasso: median time to words and to drawing (ms)."""
    answers = []
    for cluster in range(LASSOS):
        server.ask(f"/test/do?what=none&view={view}")
        page.wait_for_timeout(700)
        page.evaluate(ANSWER)
        lasso(page, *turned(cluster, server.ask("/test/state")["seq"]), SPREAD + 0.1)
        answers.append(page.evaluate("window.answer"))
    return {name: statistics.median(answer[name] for answer in answers) for name in ("words", "drawn")}


def measured(browser: Browser, count: int) -> dict[str, dict[str, float]]:
    """Everything for a map of so many points."""
    with serve(build, count=count) as server, opened(browser) as watched:
        view = shown(watched.page, server)
        found = {f"{rate}/s": fed(server, view, rate) for rate in RATES}
        found["lasso"] = lassoed(watched.page, server, view)
        server.ask(f"/test/do?what=none&view={view}")
        server.ask(f"/test/feed?rate={RATES[0]}&frames={RATES[0] * 60}")
        found["lasso while fed"] = lassoed(watched.page, server, view)
    say(f"{count:,} points: {found}")
    return found


def row_of(count: int, found: dict[str, dict[str, float]]) -> list[str]:
    """One line of the table."""
    streams = [
        f"{found[f'{rate}/s']['updates']:.1f}, {found[f'{rate}/s']['p50']:.0f} ({found[f'{rate}/s']['p95']:.0f})"
        for rate in RATES
    ]
    lassos = [f"{found[name]['words']:.0f} / {found[name]['drawn']:.0f}" for name in ("lasso", "lasso while fed")]
    return [f"{count:,} points", *streams, *lassos]


def main() -> None:
    """Each size in a fresh server and page."""
    with chromium() as browser:
        found = {count: measured(browser, count) for count in COUNTS}
        version = browser.version
    rows = [row_of(count, one) for count, one in found.items()]
    streams = [f"fed {rate}/s: drawn/s, age in ms (p95)" for rate in RATES]
    note = (
        "Age: from the server's call to the browser's word that it is drawn. Lasso: from the release of the mouse to the words "
        f"/ to the drawing, ms, median of {LASSOS}. Headless Chromium {version}, WebGL in software, same machine. {GOALS}"
    )
    browser_facts: dict[str, Any] = {"chromium": version, "flags": list(FLAGS)}
    write(
        "scatter", "The live map in a browser", None, ["", *streams, "lasso, idle", "lasso, while fed 5/s"], rows, note,
        measured={str(count): one for count, one in found.items()}, browser=browser_facts, seconds=SECONDS,
    )  # fmt: skip
