"""Facts for sessions in memory: data as pages see it, and a simple law for numbers.

Forgetting at strength s and intensity i leaves (1 - i) ** (2 s) of the target; the rest loses 2 points at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lorasteer.session.feedback import ClassAccuracy, Moved
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.sources import load_data
from lorasteer.web import views

BASE_ACCURACY, TIME = 0.97, "2026-11-25T03:04:05+00:00"
DATA = load_data("digits")


def _name(place: int) -> str:
    return f"{place:03d} <b>crimson</b> rosella & friends" if place % 7 == 0 else f"class {place:03d}"


def crowded(classes: int = 100, each: int = 20) -> ImageData:
    """Noise in many classes, with names that are long or look like markup, and an attribute that has names too."""
    names = tuple(
        f"{place:03d} <b>crimson</b> rosella & friends" if place % 7 == 0 else f"class {place:03d}" for place in range(classes)
    )
    draw = np.random.default_rng(0)

    def part(name: str) -> Examples:
        labels = np.repeat(np.arange(classes), each)
        images = draw.integers(0, 256, (len(labels), 1, 8, 8)).astype(np.uint8)
        ids = np.array([f"{name}/{place:05d}" for place in range(len(labels))])
        style = np.where(np.arange(len(labels)) % 3, "bold <i>type</i>", "plain")
        return Examples(images, labels, ids, {"style": style, "weight": images.mean((1, 2, 3))})

    return ImageData("crowded", names, part("train"), part("test"))


def data_view(data: ImageData = DATA) -> views.DataView:
    """Data as pages see it."""
    labels = data.train.labels
    return views.DataView(
        name=data.name, digest=data.digest, classes=data.classes, counts=tuple(np.bincount(labels).tolist()), train=len(labels),
        test=len(data.test), shape=data.shape,
        attributes=tuple(_attribute(name, column) for name, column in data.train.attributes.items()),
    )  # fmt: skip


def _attribute(name: str, column: np.ndarray[Any, Any]) -> views.AttributeView:
    if column.dtype.kind == "f":
        return views.AttributeView(name=name, low=float(column.min()), high=float(column.max()))
    values, counts = np.unique(column, return_counts=True)
    return views.AttributeView(name=name, values=tuple(values.tolist()), counts=tuple(counts.tolist()))


BASE = views.BaseView(
    id="digits", name="paper-cnn on digits", digest="0" * 64, model="paper-cnn", data="digits", classes=10, accuracy=BASE_ACCURACY
)


def flat(data: ImageData) -> np.ndarray[Any, Any]:
    """A picture of data on two axes, float32[n, 2]."""
    pixels = data.train.images.reshape(len(data.train), -1).astype(np.float64)
    centred = pixels - pixels.mean(0)
    return (centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T / 500).astype(np.float32)


@dataclass
class Kept:
    """An iteration as the room keeps it."""

    node: views.Node
    left: float
    target: frozenset[str]


def findings(kept: Kept, classes: tuple[str, ...], strength: float | None = None, compared: int | None = None) -> views.Findings:
    """What the law says of an iteration, or of it at another strength."""
    left = kept.left ** (1.0 if strength is None else strength / kept.node.strength)
    values = {
        "forget_accuracy": BASE_ACCURACY * left,
        "retain_test_accuracy": BASE_ACCURACY - 0.02 * (1 - left),
        "mia_auc": 0.5 + 0.2 * left,
    }
    rows = [_row(name, value, parent=kept.node.parent or 0) for name, value in values.items()]
    by_class = tuple(
        ClassAccuracy(
            name=name, n=54, target=float(name in kept.target), base=BASE_ACCURACY, before=BASE_ACCURACY,
            after=BASE_ACCURACY * left if name in kept.target else BASE_ACCURACY - 0.002 * place,
        )
        for place, name in enumerate(classes)
    )  # fmt: skip
    edges = tuple(np.linspace(0, 1, 11).tolist())
    low = tuple((np.array([1 - left, *[0.0] * 8, left])).tolist())
    return views.Findings(
        number=kept.node.number, strength=kept.node.strength if strength is None else strength, rows=tuple(rows),
        classes=by_class,
        compared=(kept.node.parent or 0) if compared is None else compared,
        examples=(MOVED,),
        words=(f"since the base: forget accuracy fell from 97.0% to {BASE_ACCURACY * left:.1%}.",),
        histogram=views.Histogram(edges=edges, forget=low, unseen=(0.8, *[0.02] * 8, 0.04), unseen_are="test examples of 7"),
        confusion=_confusion(classes, left),
    )  # fmt: skip


def _confusion(classes: tuple[str, ...], left: float) -> views.Confusion:
    """The seventh class, which is taken for the first one as it is forgotten."""
    base, now = np.zeros(len(classes)), np.zeros(len(classes))
    base[7], now[1], now[7] = 1, 1 - left, left
    return views.Confusion(classes=classes, base=tuple(base.tolist()), now=tuple(now.tolist()))


MOVED = Moved(id="train/00012", part="train", target=True, label="7", before="7", after="1", sure_before=0.99, sure_after=0.54)


def _row(name: str, value: float, *, parent: int) -> views.TableRow:
    lower, auc = name == "forget_accuracy", name == "mia_auc"
    low, high = (0.0, 0.03) if lower else (0.45, 0.55) if auc else (0.95, 1.0)
    return views.TableRow(
        metric=name, name=name.replace("_", " ") + (" ↓" if lower else " → 0.5" if auc else " ↑"), unit="auc" if auc else "share",
        better="lower" if lower else "near-ideal" if auc else "higher", base="0.700" if auc else f"{BASE_ACCURACY:.2%}",
        parent=f"{BASE_ACCURACY:.2%}" if parent else "", now=f"{value:.3f}" if auc else f"{value:.2%}",
        retrained="2.10% ± 0.70%" if lower else "", arrow="▼" if lower else "", good=True if lower else None, value=value,
        low=low, high=high, n=125, help="Share of the forget set that is still recognised.",
    )  # fmt: skip
