"""Questions about the data and about what a request would do; nothing here changes a session."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lorasteer.errors import DataError, SessionError
from lorasteer.records import Plan, Request
from lorasteer.session import Session, orders
from lorasteer.session import steps as kinds
from lorasteer.session.orders import Task
from lorasteer.session.script import Player
from lorasteer.session.steps import AnyStep
from lorasteer.steer.translate import Translation
from lorasteer.tasks.glance import Glance
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.web import views
from lorasteer.web.engine.sheets import images_of


def preview(player: Player, step: AnyStep) -> views.Preview:
    """What a step would select and be translated into.

    Raises:
        UserError: It is not understood, or selects nothing usable.
    """
    return _preview(_task(player, step).translation)


def sketch(session: Session, request: Request) -> views.Preview:
    """What a request would be translated into from the base; for one whose direction is by attributes, no model is asked."""
    return _preview(session.bench.translate(request))


def _preview(translation: Translation) -> views.Preview:
    plan = translation.plan
    return views.Preview(
        wording=translation.wording, forget=len(translation.splits.forget), plan=plan, promised=promised(plan)
    )  # fmt: skip


def _task(player: Player, step: AnyStep) -> Task:
    past = player.session.past
    match step:
        case kinds.Start():
            return orders.begun(past, step.request(player.request))
        case kinds.Adjust():
            return orders.adjusted(past, step.request(player.asked()))
        case kinds.Also():
            return orders.added(past, step.request(player.asked()))
        case kinds.Continue():
            return orders.continued(past)
        case kinds.Combine():
            return orders.combined(past, step.one, step.other)
        case kinds.Drop():
            return orders.dropped(past, step.number)
    raise SessionError(f"{step.action!r} asks for nothing new, so there is no plan to show; just do it.")


def promised(plan: Plan) -> float | None:
    """Share of the base's accuracy on the forget set that a plan is to leave; None where it promises nothing."""
    stop_at = plan.settings.get("stop_at") if plan.aim == "remove" else None
    return float(stop_at) if isinstance(stop_at, (int, float)) and 0 <= stop_at <= 1 else None


def example(data: ImageData, index: int, before: Glance | None = None, after: Glance | None = None) -> views.ExampleView:
    """One training example.

    Args:
        data: The data.
        index: Its place.
        before: What the base says of it alone; None where that is not known.
        after: What the head says of it alone.

    Raises:
        DataError: There is no such example.
    """
    check_index(data.train, index)
    answers = {"before": _answer(before, data), "after": _answer(after, data)}
    return views.ExampleView(
        index=index, id=str(data.train.ids[index]), label=data.classes[data.train.labels[index]],
        attributes={name: _plain(column[index]) for name, column in data.train.attributes.items()},
        before=answers["before"][0], sure_before=answers["before"][1], after=answers["after"][0], sure_after=answers["after"][1],
    )  # fmt: skip


def check_index(examples: Examples, index: int) -> None:
    """Refuse a place that is none.

    Raises:
        DataError: There is no such example.
    """
    if not 0 <= index < len(examples):
        raise DataError(f"there is no example {index}; allowed are 0 to {len(examples) - 1}.")


def _answer(said: Glance | None, data: ImageData) -> tuple[str, float | None]:
    if said is None:
        return "", None
    sure, place = said.logits[0].double().softmax(-1).max(0)
    value = float(sure)
    return data.classes[int(place)], min(1.0, value) if np.isfinite(value) else None


def _plain(value: np.generic) -> Any:
    plain = value.item()
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain


def picture(data: ImageData, index: int, part: Literal["train", "test"]) -> bytes:
    """The picture of an example as PNG.

    Raises:
        DataError: There is no such example.
    """
    examples = data.train if part == "train" else data.test
    check_index(examples, index)
    pixels = examples.images[index]
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def find(data: ImageData, text: str, limit: int) -> tuple[views.ExampleView, ...]:
    """Training examples that every typed word fits: a part of the class name, of the id, or of an attribute.

    Args:
        data: The data.
        text: Words; without any nothing is found.
        limit: The most that are given.
    """
    words = text.casefold().split()
    if not words:
        return ()
    fits = np.ones(len(data.train), bool)
    for word in words:
        fits &= np.logical_or.reduce([_holding(column, word) for column in _texts(data)])
    return tuple(example(data, int(place)) for place in np.flatnonzero(fits)[: max(0, limit)])


def _texts(data: ImageData) -> Iterator[NDArray[Any]]:
    yield np.asarray(data.classes)[data.train.labels]
    yield data.train.ids
    yield from (column for column in data.train.attributes.values() if column.dtype.kind == "U")


def _holding(column: NDArray[Any], word: str) -> NDArray[np.bool_]:
    """Which texts hold a word; each different text is looked at once."""
    values, places = np.unique(column, return_inverse=True)
    return np.array([word in str(value).casefold() for value in values], bool)[places]


def answers_of(session: Session, index: int) -> tuple[Glance, Glance | None]:
    """What the base says of one training example, and what the head says; None where the head is the base."""
    check_index(session.bench.data.train, index)
    place, bench = np.array([index]), images_of(session)
    return bench.glance(place), bench.glance(place, session.change) if session.head else None
