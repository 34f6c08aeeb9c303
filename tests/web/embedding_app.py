"""A page with nothing but a map, and addresses under /test that feed it and say what it has seen."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from nicegui import Client, app, background_tasks, ui

from lorasteer.web.parts.embedding import EmbeddingView
from lorasteer.web.parts.embedding_points import Points

SPREAD = 0.15  # radius of a cluster; the middles of neighbours lie 0.6 apart for ten of them


def middles(clusters: int) -> np.ndarray:
    """Middles of clusters, evenly on a circle of radius 1."""
    angles = np.arange(clusters) * 2 * np.pi / clusters
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def cloud(count: int, clusters: int, seq: int = 0) -> np.ndarray:
    """Points in discs around the middles; every frame turns the whole by a hundredth, and nothing else."""
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, count), SPREAD * np.sqrt(rng.uniform(0, 1, count))
    inside = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
    turn = np.array([[np.cos(seq / 100), np.sin(seq / 100)], [-np.sin(seq / 100), np.cos(seq / 100)]])
    return ((middles(clusters)[np.arange(count) % clusters] + inside) @ turn).astype(np.float32)


def points(count: int, names: list[str]) -> Points:
    """Classes in turn; the first class is to be forgotten, and half of it is."""
    labels = np.arange(count) % len(names)
    parts = np.where(labels == 0, 0, 1)
    after = np.where((labels == 0) & (np.arange(count) % (2 * len(names)) == 0), 1, labels)
    return Points(tuple(names), labels, parts, before=labels, after=after)


class Bench:
    """All maps of this server, fed alike."""

    def __init__(self, count: int, names: list[str]) -> None:
        self.count, self.names, self.seq = count, names, 0
        self.views: list[EmbeddingView] = []
        self.selected: list[list[int]] = []
        self.hovered: list[int | None] = []
        self.clicked: list[int] = []

    def page(self, dark: bool, color_by: str) -> None:
        """Build a map on the page that is being built."""
        ui.dark_mode(dark)
        view = EmbeddingView(points(self.count, self.names), dark=dark, color_by=color_by)
        view.set_positions(cloud(self.count, len(self.names), self.seq), self.seq)
        view.on_select(lambda indices: self.selected.append(indices.tolist()))
        view.on_hover(self.hovered.append)
        view.on_click(self.clicked.append)
        self.views.append(view)

    def step(self) -> None:
        """The next frame, to all."""
        self.seq += 1
        places = cloud(self.count, len(self.names), self.seq)
        for view in self.views:
            view.set_positions(places, self.seq)

    async def feed(self, rate: float, frames: int) -> None:
        """So many frames, so many a second, whether they are drawn or not."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(frames):
            self.step()
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - loop.time()))


def build(count: int = 2000, names: list[str] | None = None) -> None:
    """Register the page and the addresses."""
    bench = Bench(count, names or [f"class {key}" for key in range(10)])

    @ui.page("/")
    def page(client: Client, dark: bool = False, color_by: str = "class") -> None:
        bench.page(dark, color_by)

    @app.get("/test/feed")
    async def feed(rate: float, frames: int) -> bool:
        background_tasks.create(bench.feed(rate, frames), name="feed")
        return True

    @app.get("/test/state")
    async def state(view: int = -1) -> dict[str, Any]:
        shown = bench.views[view]
        return {
            "seq": bench.seq, "drawn": shown.drawn_seq, "dropped": shown.dropped, "views": len(bench.views),
            "timings": [list(one) for one in shown.timings], "selection": shown.selection.tolist(), "summary": shown.summary,
            "selected": bench.selected, "hovered": bench.hovered, "clicked": bench.clicked,
        }  # fmt: skip

    @app.get("/test/do")
    async def do(what: str, value: str = "", view: int = -1) -> bool:
        shown = bench.views[view]
        match what:
            case "select":
                shown.select([int(one) for one in value.split(",")])
            case "none":
                shown.clear()
            case "grow":
                shown.grow(int(value))
            case "color":
                shown.set_state(color_by=value)
            case "close":
                shown.close()
            case "dark":
                shown.set_state(dark=True)
            case "fewer":
                shown.set_state(points(int(value), bench.names))
            case _:
                raise ValueError(what)
        return True
