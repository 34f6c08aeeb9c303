"""A hand on the map in a browser: open it, read what is drawn, drag a lasso; for tests and for the benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from playwright.sync_api import Page

from tests.web.browser import Server
from tests.web.embedding_app import middles

PLOT = "document.querySelector('.js-plotly-plot')"


def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait for a thing to come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def shown(page: Page, server: Server, path: str = "/") -> int:
    """Open a map and wait until it is drawn; returns the number of its view."""
    page.goto(server.url + path)
    page.wait_for_function(f"{PLOT}?._fullData?.length > 0")
    until(lambda: server.ask("/test/state")["drawn"] == server.ask("/test/state")["seq"])
    return int(server.ask("/test/state")["views"]) - 1


def fed(server: Server, view: int, *, rate: int, frames: int) -> None:
    """Feed some frames and wait until a view has drawn the last of them."""
    last = server.ask("/test/state")["seq"] + frames
    server.ask(f"/test/feed?rate={rate}&frames={frames}")
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == last)


def drawn(page: Page) -> np.ndarray:
    """Places that the browser has drawn, float32[n, 2], in the order of the points."""
    found = page.evaluate(f"{PLOT}._fullData.map((t) => [Array.from(t.customdata), Array.from(t.x), Array.from(t.y)])")
    index = np.concatenate([np.array(one[0], np.int64) for one in found])
    places = np.concatenate([np.array(one[1:], np.float32).T for one in found])
    return places[np.argsort(index)]


def pixel(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where on the page a place of the map lies."""
    code = f"""([x, y]) => {{
      const plot = {PLOT}, box = plot.getBoundingClientRect(), layout = plot._fullLayout;
      return [box.left + layout._size.l + layout.xaxis.d2p(x), box.top + layout._size.t + layout.yaxis.d2p(y)];
    }}"""
    across, down = page.evaluate(code, [x, y])
    return across, down


def nothing() -> None:
    """Nothing else happens."""


def lasso(page: Page, x: float, y: float, radius: float, *, meanwhile: Callable[[], object] = nothing) -> None:
    """Drag a ring around a place of the map; something may happen once the mouse is down."""
    ring = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 24)]
    first, *others = [pixel(page, *place) for place in ring]
    page.mouse.move(*first)
    page.mouse.down()
    meanwhile()
    for place in others:
        page.mouse.move(*place)
    page.mouse.up()


def turned(cluster: int, seq: int) -> tuple[float, float]:
    """Middle of a cluster in a frame."""
    angle = cluster * 2 * np.pi / 10 + seq / 100
    assert np.allclose(middles(10)[cluster], [np.cos(angle - seq / 100), np.sin(angle - seq / 100)])
    return float(np.cos(angle)), float(np.sin(angle))
