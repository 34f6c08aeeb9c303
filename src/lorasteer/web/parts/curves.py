"""The way from the base to the head, an iteration after the other; a training draws its own line as it goes."""

from __future__ import annotations

from lorasteer.session.history import BASE
from lorasteer.web.parts.charts import Series, line, plot
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.markup import Markup, drawn, show, tag
from lorasteer.web.views import Node, Progress, SessionView

NAMES = {"forgotten": "target still recognised", "retained": "rest still known"}
MOST = 400
"""Points of a training's own line that are kept."""


class CurvesPart:
    """Both curves."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._live: list[Progress] = []
        self._place = drawn()
        desk.on(SessionView, self._view)
        desk.on(Progress, self._progress)
        self._draw()

    def _view(self, view: SessionView) -> None:
        if view.state != "unlearning":
            self._live.clear()
        self._draw()

    def _progress(self, news: Progress) -> None:
        if self._live and news.step < self._live[-1].step:
            self._live.clear()
        self._live = [*self._live, news][-MOST:]
        self._draw()

    def _draw(self) -> None:
        show(self._place, curves(way(self.desk.view), self._live))


def way(view: SessionView) -> list[Node]:
    """The iterations from the base to the head."""
    known = {node.number: node for node in view.nodes}
    found, number = [], view.head
    while number in known:
        found.append(known[number])
        if number == BASE:
            break
        number = known[number].parent or BASE
    return found[::-1]


def curves(nodes: list[Node], live: list[Progress]) -> Markup:
    """Both curves as a drawing, the training in progress behind the last iteration."""
    if len(nodes) < 2 and not live:
        return tag("p", "Both accuracies, iteration by iteration, come here after the first unlearning.", class_="wb-empty")
    steps = max(1, len(nodes) - 1 + bool(live))
    shapes = []
    for name in NAMES:
        points = [_point(place / steps, getattr(node, name)) for place, node in enumerate(nodes)]
        said = [
            f"iteration {node.number}: {getattr(node, name):.1%}" if getattr(node, name) is not None else "" for node in nodes
        ]
        shapes.append(line(Series(name, points, dots=True, words=said)))
        if live:
            moving = [_point((len(nodes) - 1 + one.step / max(1, one.steps)) / steps, getattr(one, name)) for one in live]
            shapes.append(line(Series(f"{name} wb-live", [points[-1], *moving])))
    ticks = [(place / steps, "base" if node.number == BASE else str(node.number)) for place, node in enumerate(nodes)]
    ticks = [*ticks, (1.0, "now")] if live else ticks
    legend = tag(
        "p",
        *(part for name, text in NAMES.items() for part in (tag("i", "", class_=f"wb-key-{name}"), f"{text} ")),
        class_="wb-legend",
    )
    return tag("div", legend, plot(shapes, words=_words(nodes), ticks=ticks[:: max(1, len(ticks) // 10)]))


def _point(at: float, value: float | None) -> tuple[float, float] | None:
    return None if value is None else (at, value)


def _words(nodes: list[Node]) -> str:
    parts = []
    for name, text in NAMES.items():
        values = (getattr(node, name) for node in nodes)
        parts.append(f"{text}: {', '.join('n/a' if value is None else f'{value:.1%}' for value in values)}")
    return f"From the base to the head. {'; '.join(parts)}."
