"""Views of a session that forgets sevens, made by arithmetic: enough of everything to look at every page."""

from __future__ import annotations

import base64

import numpy as np

from lorasteer.records import Plan, Request, Target
from lorasteer.session.feedback import ClassAccuracy, Moved
from lorasteer.web.views import (
    BaseView,
    DataView,
    Findings,
    MapFrame,
    MapPoints,
    Node,
    RunView,
    SessionView,
    TableRow,
)  # fmt: skip

DIGITS = tuple("0123456789")
SEVEN = 7
BASE = BaseView(
    id="b1",
    name="digits",
    digest="d" * 64,
    model="paper-cnn",
    data="digits",
    classes=10,
    names=DIGITS,
    accuracy=0.972,
    ready=False,
)
OTHER = BaseView(
    id="b2", name="Clothes <b>2</b>", digest="e" * 64, model="resnet18", data="fashion-mnist", classes=3, accuracy=0.911,
    names=("Coat", "Sandal", "<img src=x onerror=alert(1)>"),
)  # fmt: skip
DATA = DataView(name="digits", digest="a" * 64, classes=DIGITS, counts=(144,) * 10, train=1438, test=359, shape=(1, 8, 8))
LEFT = (0.986, 0.52, 0.021, 0.003)
"""Accuracy on the forget set: the base, then each iteration."""
KEPT = (0.972, 0.969, 0.961, 0.93)
ACTIONS = ("base", "start", "continue", "adjust")
INTENSITY = (0.0, 0.25, 0.25, 0.75)


def node(number: int) -> Node:
    """An iteration; 1 begins at the base, and each other goes on from the one before."""
    asked = INTENSITY[number]
    if not number:
        return Node(number=0, parent=None, action="base", text="base", forgotten=LEFT[0], retained=KEPT[0])
    return Node(
        number=number, parent=number - 1, action=ACTIONS[number], text=f"{ACTIONS[number]} lora-ihl {asked:g}",
        forgotten=LEFT[number], retained=KEPT[number], created="2026-11-20T10:00:00Z",
        note="too much was left" if number > 1 else "",
        request=Request(target=Target(classes=("7",)), intensity=asked),
        plan=Plan(method="lora-ihl", settings={"rank": 8, "epochs": 5 * number, "learning_rate": 0.0007}, splits="s" * 64),
    )  # fmt: skip


def findings(number: int, before: int | None = None, strength: float = 1.0) -> Findings:
    """What is measured of an iteration."""
    compared = max(0, number - 1) if before is None else before
    words = (f"since {'the base' if not compared else f'iteration {compared}'}: forget accuracy fell to {LEFT[number]:.1%}.",)
    classes = tuple(_class(place, number, compared) for place in range(10))
    rows = (
        _row("forget accuracy", "forget accuracy → retrained", LEFT, number, compared, (0.0, 0.03), n=144),
        _row("retain test accuracy", "retain test accuracy ↑", KEPT, number, compared, (0.955, 0.975), n=323),
        _row("mia auc", "mia auc → 0.5", (0.61, 0.57, 0.512, 0.44), number, compared, (0.5, 0.5), unit="auc", n=180),
        _row(
            "kl to retrained forget",
            "kl to retrained forget ↓",
            (4.1, 1.9, 0.31, 0.92),
            number,
            compared,
            None,
            unit="nats",
            n=144,
        ),
    )
    moved = Moved(id="17", part="train", target=True, label="7", before="7", after="1", sure_before=0.99, sure_after=0.61)
    return Findings(
        number=number, strength=strength, compared=compared, rows=rows, classes=classes, examples=(moved,), words=words
    )  # fmt: skip


def _class(place: int, number: int, compared: int) -> ClassAccuracy:
    def value(which: int) -> float:
        return LEFT[which] if place == SEVEN else round(KEPT[which] - 0.004 * place * which, 4)

    return ClassAccuracy(
        name=DIGITS[place], n=36, target=float(place == SEVEN), base=value(0), before=value(compared), after=value(number)
    )


def _row(
    metric: str, name: str, values: tuple[float, ...], number: int, compared: int, band: tuple[float, float] | None, *,
    unit: str = "share", n: int,
) -> TableRow:  # fmt: skip
    def text(value: float) -> str:
        return f"{value:.2%}" if unit == "share" else f"{value:.3f}"

    change = values[number] - values[compared]
    counts = abs(change) > 0.02
    low, high = band or (None, None)
    return TableRow(
        metric=metric, name=name, unit=unit, better="higher" if "retain" in metric else "lower", base=text(values[0]), parent="",
        now=text(values[number]), retrained=text(sum(band) / 2) + " ± " + text(0.01) if band else "", value=values[number],
        arrow="" if not counts else "▲" if change > 0 else "▼", good=(change > 0) == ("retain" in metric) if counts else None,
        low=low, high=high, n=n, help=f"What {metric} means.",
    )  # fmt: skip


def session(run: str, name: str, *, made: int = 3, head: int = 3, version: int = 1, state: str = "reviewing") -> SessionView:
    """A session with so many iterations."""
    return SessionView(
        id=run, name=name, version=version, state=state if made else "idle",
        allowed=("continue", "adjust", "undo", "go", "stop") if made else ("start", "stop"), head=head, base=BASE, data=DATA,
        target="class 7" if made else "", forget=144 if made else 0, nodes=tuple(node(number) for number in range(made + 1)),
        findings=findings(head) if made else None,
    )  # fmt: skip


def run(view: SessionView, created: str = "2026-11-20T10:00:00Z") -> RunView:
    """The same session in the library."""
    head = view.nodes[view.head]
    return RunView(
        id=view.id, name=view.name, created=created, state=view.state, base=view.base.name, data=view.data.name,
        target=view.target, iterations=len(view.nodes) - 1, forgotten=head.forgotten if view.head else None,
        retained=head.retained if view.head else None, here=True,
    )  # fmt: skip


def points(count: int = 600) -> MapPoints:
    """Points of the map, a tenth of each class."""
    labels = tuple(place % 10 for place in range(count))
    return MapPoints(
        serial=1, index=tuple(range(count)), ids=tuple(map(str, range(count))), labels=labels,
        target=tuple(label == SEVEN for label in labels), answers=labels,
    )  # fmt: skip


def picture(number: int, count: int = 600) -> MapFrame:
    """Ten islands; that of the sevens dissolves into the others, further with each iteration."""
    draw = np.random.default_rng(3)
    labels = np.arange(count) % 10
    homes = np.stack([np.cos(np.arange(10) * 0.6283), np.sin(np.arange(10) * 0.6283)], 1)
    places = homes[labels] + draw.normal(0, 0.08, (count, 2))
    away = (labels == SEVEN) & (draw.random(count) > LEFT[number])
    taken = np.where(away, draw.integers(0, 7, count), labels)
    places[away] += 0.85 * (homes[taken] - homes[labels])[away]
    return MapFrame(
        serial=1, seq=number, number=number, step=None, positions=base64.b64encode(places.astype("<f4").tobytes()).decode(),
        answers=base64.b64encode(taken.astype("u1").tobytes()).decode(), status="settled", space="features before the last layer",
        purity_map=0.5, purity_features=0.5,
        words="settled; 50% of a target point's neighbours are of its class, as in the features",
    )  # fmt: skip
