"""Which examples are drawn on a map, and what of them: features where a change moves them, else answers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lorasteer.errors import SessionError
from lorasteer.methods import settings_of
from lorasteer.methods.settings import AdapterSettings
from lorasteer.projection import sample_points
from lorasteer.records import Plan
from lorasteer.session import Session, Workbench
from lorasteer.tasks.base import Base
from lorasteer.tasks.glance import Glance
from lorasteer.tasks.modules import classifier_head, resolve_layers
from lorasteer.tasks.splits import Index
from lorasteer.web import views

Space = Literal["features", "answers"]
WORDS: dict[Space, str] = {
    "features": "features before the last layer",
    "answers": "answers, because what is adapted lies behind the features and does not move them",
}


@dataclass(frozen=True, eq=False)
class Sheet:
    """The points of a map.

    Args:
        serial: Number of this set of points in its session.
        space: What is drawn of them.
        index: Place of each in the training set, ascending.
        labels: True class of each.
        target: Whether it is to be forgotten.
        base: What the base says of each.
    """

    serial: int
    space: Space
    index: Index
    labels: NDArray[np.int64]
    target: NDArray[np.bool_]
    base: Glance

    def seen(self, said: Glance) -> NDArray[np.float32]:
        """What is drawn, float32[n, d]."""
        chosen = said.features if self.space == "features" else said.logits
        return np.ascontiguousarray(chosen.numpy(), np.float32)

    @cached_property
    def digest(self) -> str:
        """Tells stored pictures of these points from those of others."""
        return hashlib.sha256(self.index.tobytes() + self.target.tobytes() + self.space.encode()).hexdigest()

    def shares(self, answers: NDArray[np.int64]) -> tuple[float | None, float | None]:
        """Accuracy on the points of the target, and on the others; None where there are none."""
        right = answers == self.labels
        forgotten, retained = right[self.target], right[~self.target]
        return _mean(forgotten), _mean(retained)

    def view(self, ids: NDArray[np.str_]) -> views.MapPoints:
        """The points as they are told."""
        return views.MapPoints(
            serial=self.serial, index=tuple(self.index.tolist()), ids=tuple(ids[self.index].tolist()),
            labels=tuple(self.labels.tolist()), target=tuple(self.target.tolist()),
            answers=tuple(answers_of(self.base.logits).tolist()),
        )  # fmt: skip


def _mean(right: NDArray[np.bool_]) -> float | None:
    return float(right.mean()) if len(right) else None


def answers_of(logits: Tensor) -> NDArray[np.int64]:
    """What each example is taken for."""
    return np.asarray(logits.argmax(-1).numpy(), np.int64)


def packed(answers: NDArray[np.int64], classes: int) -> str:
    """Answers in base64: a byte for each, two where there are more classes than a byte counts."""
    return base64.b64encode(answers.astype("<u2" if classes > 256 else "u1").tobytes()).decode()


def images_of(session: Session) -> Workbench:
    """The bench of a session whose examples can be drawn as points.

    Raises:
        SessionError: It works on a language model, which the browser does not show yet.
    """
    if not isinstance(session.bench, Workbench):
        raise SessionError(
            f"session {session.id} is of a {session.bench.task} model; the browser works on images so far. "
            f"Use lorasteer steer --resume {session.id}."
        )
    return session.bench


def chosen(bench: Workbench, forget: Sequence[Index]) -> tuple[Index, NDArray[np.bool_]]:
    """Which examples are drawn, and which of them are to be forgotten.

    Args:
        bench: Base and data.
        forget: Forget sets that are in force; none before the first request.
    """
    labels = bench.data.train.labels
    target = np.zeros(len(labels), bool)
    for index in forget:
        target[index] = True
    index = sample_points(labels, target if target.any() else None)
    return index, target[index]


def space_of(base: Base, layers: Sequence[str]) -> Space:
    """What moves when some layers change; none named means all."""
    return "answers" if layers and set(layers) <= {classifier_head(base.model)[-1]} else "features"


def layers_of(base: Base, plan: Plan) -> tuple[str, ...]:
    """The layers that a plan will change; empty for all."""
    settings = settings_of(plan.method, dict(plan.settings))
    return resolve_layers(base.model, settings.layers) if isinstance(settings, AdapterSettings) else ()
