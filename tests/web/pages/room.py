"""A session in memory, for pages: real data, real translation, real rules of what is allowed; numbers follow a simple law.

Forgetting at strength s and intensity i leaves (1 - i) ** (2 s) of the target; the rest loses 2 points at most. What the pages ask
and decide is written down, so that tests can look at it.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lorasteer.errors import RequestError, SessionError, StoreError
from lorasteer.records import Request
from lorasteer.session.feedback import ClassAccuracy, Moved
from lorasteer.session.goal import Goal
from lorasteer.session.states import after, allowed
from lorasteer.session.steps import AnyStep, Asking, Commit, Go
from lorasteer.steer.intensity import promised
from lorasteer.steer.translate import translate
from lorasteer.tasks.splits import Holdout
from lorasteer.tasks.vision.sources import load_data
from lorasteer.web import views
from lorasteer.web.house import News, Stale

BASE_ACCURACY, TIME = 0.97, "2026-11-25T03:04:05+00:00"
DATA = load_data("digits")
NOBODY = Holdout("train", np.empty(0, np.int64))


def data_view() -> views.DataView:
    """The digits as pages see them."""
    labels = DATA.train.labels
    return views.DataView(
        name="digits", digest=DATA.digest, classes=DATA.classes, counts=tuple(np.bincount(labels).tolist()), train=len(labels),
        test=len(DATA.test), shape=DATA.shape,
        attributes=tuple(
            views.AttributeView(name=name, low=float(column.min()), high=float(column.max()))
            for name, column in DATA.train.attributes.items()
        ),
    )  # fmt: skip


BASE = views.BaseView(
    id="digits", name="paper-cnn on digits", digest="0" * 64, model="paper-cnn", data="digits", classes=10, accuracy=BASE_ACCURACY
)


@cache
def flat() -> np.ndarray[Any, Any]:
    """A picture of the digits on two axes, float32[n, 2]."""
    pixels = DATA.train.images.reshape(len(DATA.train), -1).astype(np.float64)
    centred = pixels - pixels.mean(0)
    return (centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T / 500).astype(np.float32)


@dataclass
class Kept:
    """An iteration as the room keeps it."""

    node: views.Node
    left: float
    target: frozenset[str]


@dataclass
class MemoryRoom:
    """A session; see the module for its law.

    Args:
        id: Id of the run.
        steps: Training steps of each round; a pause of `pause` seconds after each.
        pause: Seconds.
    """

    id: str = "run1"
    name: str = "Forget a digit"
    steps: int = 8
    pause: float = 0.0
    acted: list[tuple[Any, int, str, str]] = field(default_factory=list)
    dialled: list[float] = field(default_factory=list)
    refuse: Exception | None = None

    def __post_init__(self) -> None:
        self.version, self.state, self.head = 1, "idle", 0
        self.kept: dict[int, Kept] = {}
        self.deed = views.Deed(actor="me", action="begin", time=TIME)
        self._progress: views.Progress | None = None
        self._frame_now: views.MapFrame | None = None
        self._stop = False
        self._listeners: list[asyncio.Queue[News]] = []
        self._positions = flat()
        self._tasks: set[asyncio.Task[None]] = set()
        self._seq = 0
        self._draw()

    # What is seen ------------------------------------------------------------------------------------------------------------

    @property
    def view(self) -> views.SessionView:
        base = views.Node(number=0, parent=None, action="base", text="base", forgotten=BASE_ACCURACY, retained=BASE_ACCURACY)
        kept = self.kept.get(self.head)
        return views.SessionView(
            id=self.id, name=self.name, version=self.version, state=self.state, allowed=allowed(self.state, changed=bool(self.head)),
            head=self.head, base=BASE, data=data_view(), nodes=(base, *(one.node for one in self.kept.values())), last=self.deed,
            findings=self._findings(self.head) if kept else None,
        )  # fmt: skip

    @property
    def progress(self) -> views.Progress | None:
        return self._progress

    @property
    def points(self) -> views.MapPoints | None:
        labels = DATA.train.labels
        target = self.kept[self.head].target if self.head else frozenset()
        return views.MapPoints(
            serial=1, index=tuple(range(len(labels))), ids=tuple(DATA.train.ids.tolist()), labels=tuple(labels.tolist()),
            target=tuple(DATA.classes[label] in target for label in labels), answers=tuple(labels.tolist()),
        )  # fmt: skip

    @property
    def frame(self) -> views.MapFrame | None:
        return self._frame_now

    async def listen(self) -> AsyncIterator[News]:
        queue: asyncio.Queue[News] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            for first in (self.view, self.points, self.frame):
                if first is not None:
                    yield first
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    def tell(self, news: News) -> None:
        """Let every page hear of something."""
        for queue in self._listeners:
            queue.put_nowait(news)

    # What is done ------------------------------------------------------------------------------------------------------------

    async def act(self, step: AnyStep, *, version: int, actor: str, key: str = "") -> views.SessionView:
        self.acted.append((step, version, actor, key))
        if self.refuse is not None:
            refusal, self.refuse = self.refuse, None
            raise refusal
        if version != self.version:
            raise Stale(self.deed, self.version, version)
        action = "continue" if step.action == "continue" else step.action
        self._enter(action, actor, step.why)
        match step:
            case Go():
                self._move(step.number)
            case Commit():
                self._keep(self.kept[self.head].node.request, step.strength or 1.0, action)
            case Asking():
                self._train(step.request(self._asked()), action)
            case _ if action == "continue":
                self._train(self._asked(), action)
            case _ if action == "undo":
                self._move(self.kept[self.head].node.parent or 0)
            case _:
                self.tell(self.view)
        return self.view

    async def seek(
        self, request: Request, goal: Goal, *, seconds: float, tries: int, version: int, actor: str
    ) -> views.SessionView:
        self.acted.append((("goal", request, goal, seconds, tries), version, actor, ""))
        self._enter("goal", actor, goal.words)
        self._train(request, "goal")
        return self.view

    async def interrupt(self, *, actor: str) -> views.SessionView:
        if self.state != "unlearning":
            raise SessionError(f"cannot interrupt now: the session is {self.state}.")
        self._stop = True
        return self.view

    async def dial(self, strength: float) -> views.Findings:
        self.dialled.append(strength)
        await asyncio.sleep(self.pause)
        return self._findings(self.head, strength)

    async def findings(self, number: int, before: int | None = None) -> views.Findings:
        if number not in self.kept:
            raise SessionError(f"there is no iteration {number}; there are {len(self.kept)}.")
        return self._findings(number, compared=before)

    async def preview(self, step: AnyStep) -> views.Preview:
        assert isinstance(step, Asking)
        request = step.request(self._asked())
        made = translate(request, DATA, NOBODY)
        return views.Preview(
            wording=made.wording, forget=len(made.splits.forget), plan=made.plan, promised=promised(request.intensity)
        )

    async def example(self, index: int) -> views.ExampleView:
        name = DATA.classes[DATA.train.labels[index]]
        return views.ExampleView(
            index=index, id=str(DATA.train.ids[index]), label=name, before=name, after=name, sure_before=0.98, sure_after=0.61,
            attributes={key: round(float(column[index]), 2) for key, column in DATA.train.attributes.items()},
        )  # fmt: skip

    async def image(self, index: int, part: str = "train") -> bytes:
        out = io.BytesIO()
        Image.fromarray(DATA.train.images[index, 0]).save(out, "PNG")
        return out.getvalue()

    async def find(self, text: str, limit: int = 60) -> Sequence[views.ExampleView]:
        chosen = [place for place, label in enumerate(DATA.train.labels) if DATA.classes[label] == text.strip()]
        return [await self.example(place) for place in chosen[:limit]]

    async def picture(self, number: int) -> Sequence[views.MapFrame]:
        return (
            [self._frame(share, step) for share, step in ((0.0, 0), (0.5, 4), (1.0, None))]
            if number
            else [self._frame(0.0, None)]
        )

    async def export(self, number: int, kind: str) -> tuple[views.Export, Path]:
        raise RequestError("nothing is exported here.")

    async def restart(self) -> views.SessionView:
        self.state = "reviewing"
        self._say()
        return self.view

    # -------------------------------------------------------------------------------------------------------------------------

    def _asked(self) -> Request | None:
        number = self.head or max(self.kept, default=0)
        return self.kept[number].node.request if number else None

    def _enter(self, action: str, actor: str, why: str) -> None:
        self.state = after(self.state, action, changed=bool(self.head))
        self.deed = views.Deed(actor=actor, action=action, time=TIME, why=why)
        self.version += 1

    def _say(self) -> None:
        self._draw()
        for news in (self.view, self.points, self.frame):
            assert news is not None
            self.tell(news)

    def _move(self, number: int) -> None:
        if number not in self.kept and number:
            raise SessionError(f"there is no iteration {number}.")
        self.head = number
        self._say()

    def _train(self, request: Request | None, action: str) -> None:
        assert request is not None
        translate(request, DATA, NOBODY)  # refused before anything happens
        self._stop = False
        self.tell(self.view)
        task = asyncio.get_running_loop().create_task(self._work(request, action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, request: Request, action: str) -> None:
        left = self._left(request)
        for step in range(1, self.steps + 1):
            await asyncio.sleep(self.pause)
            share = step / self.steps
            now = BASE_ACCURACY * (1 - share * (1 - left))
            self._progress = views.Progress(
                step=step, steps=self.steps, epoch=1 + step // 4, epochs=3, loss=1 / step, seconds=0.2 * step, forgotten=now, retained=0.96
            )  # fmt: skip
            self._frame_now = self._frame(share * (1 - left), step)
            self.tell(self._progress)
            self.tell(self._frame_now)
            if self._stop:
                break
        self._progress = None
        self.state, self.version = "reviewing", self.version + 1
        self.deed = views.Deed(actor="lorasteer", action="finished", time=TIME)
        self._keep(request, 1.0, action)

    def _left(self, request: Request) -> float:
        again = self.kept[self.head].left if self.head and self.kept[self.head].node.request == request else 1.0
        return again * (1 - request.intensity) ** 2

    def _keep(self, request: Request | None, strength: float, action: str) -> None:
        assert request is not None
        number, left = 1 + len(self.kept), self._left(request) ** strength
        plan = translate(request, DATA, NOBODY).plan
        node = views.Node(
            number=number, parent=self.head, action=action, text=f"{action} {request.method} {request.intensity:g}", strength=strength,
            forgotten=BASE_ACCURACY * left, retained=BASE_ACCURACY - 0.02 * (1 - left), created=TIME, request=request, plan=plan,
            note=self.deed.why,
        )  # fmt: skip
        self.state = "reviewing"
        self.kept[number] = Kept(node, left, frozenset(request.target.classes))
        self.head = number
        self._say()

    def _draw(self) -> None:
        self._frame_now = self._frame(1 - self.kept[self.head].left if self.head else 0.0, None)

    def _frame(self, gone: float, step: int | None) -> views.MapFrame:
        """The picture with the target moved into the middle."""
        self._seq += 1
        named = self.kept[max(self.kept)].target if self.kept else frozenset("7")
        target = np.isin(DATA.train.labels, [DATA.classes.index(name) for name in named])
        places = self._positions.copy()
        places[target] *= 1 - 0.8 * gone
        answers = DATA.train.labels.astype(np.uint8)
        answers[target & (np.arange(len(answers)) % 10 < 10 * gone)] = 1
        return views.MapFrame(
            serial=1, seq=self._seq, number=self.head, step=step, positions=base64.b64encode(places.tobytes()).decode(),
            answers=base64.b64encode(answers.tobytes()).decode(), status="settling" if step else "settled", space="features",
            purity_map=1 - 0.9 * gone, purity_features=0.98 - 0.9 * gone, words="The map agrees with the features.",
        )  # fmt: skip

    def _findings(self, number: int, strength: float | None = None, compared: int | None = None) -> views.Findings:
        kept = self.kept[number]
        left = kept.left ** (1.0 if strength is None else strength / kept.node.strength)
        values = {
            "forget_accuracy": BASE_ACCURACY * left,
            "retain_test_accuracy": BASE_ACCURACY - 0.02 * (1 - left),
            "mia_auc": 0.5 + 0.2 * left,
        }
        rows = [_row(name, value, parent=kept.node.parent or 0) for name, value in values.items()]
        classes = tuple(
            ClassAccuracy(
                name=name, n=54, target=float(name in kept.target), base=BASE_ACCURACY, before=BASE_ACCURACY,
                after=BASE_ACCURACY * left if name in kept.target else BASE_ACCURACY - 0.002 * place,
            )
            for place, name in enumerate(DATA.classes)
        )  # fmt: skip
        edges = tuple(np.linspace(0, 1, 11).tolist())
        low = tuple((np.array([1 - left, *[0.0] * 8, left])).tolist())
        return views.Findings(
            number=number, strength=kept.node.strength if strength is None else strength, rows=tuple(rows), classes=classes,
            compared=(kept.node.parent or 0) if compared is None else compared,
            examples=(Moved(id="train/00012", part="train", target=True, label="7", before="7", after="1", sure_before=0.99, sure_after=0.54),),
            words=(f"since the base: forget accuracy fell from 97.0% to {BASE_ACCURACY * left:.1%}.",),
            histogram=views.Histogram(edges=edges, forget=low, unseen=(0.8, *[0.02] * 8, 0.04), unseen_are="test examples of 7"),
            confusion=views.Confusion(classes=DATA.classes, base=(*[0.0] * 7, 1.0, 0.0, 0.0), now=(0.0, 1 - left, *[0.0] * 5, left, 0.0, 0.0)),
        )  # fmt: skip


def _row(name: str, value: float, *, parent: int) -> views.TableRow:
    lower = name == "forget_accuracy"
    return views.TableRow(
        metric=name, name=name.replace("_", " ") + (" ↓" if lower else " ↑" if name != "mia_auc" else " → 0.5"),
        unit="auc" if name == "mia_auc" else "share", better="lower" if lower else "near-ideal" if name == "mia_auc" else "higher",
        base=f"{BASE_ACCURACY:.2%}" if name != "mia_auc" else "0.700", parent=f"{BASE_ACCURACY:.2%}" if parent else "",
        now=f"{value:.2%}" if name != "mia_auc" else f"{value:.3f}", retrained="2.10% ± 0.70%" if lower else "", arrow="▼" if lower else "",
        good=True if lower else None, value=value, low=0.0 if lower else 0.95 if name != "mia_auc" else 0.45,
        high=0.03 if lower else 1.0 if name != "mia_auc" else 0.55, n=125, help="Share of the forget set that is still recognised.",
    )  # fmt: skip


@dataclass
class MemoryHouse:
    """A house with rooms in memory."""

    rooms: dict[str, MemoryRoom] = field(default_factory=lambda: {"run1": MemoryRoom()})

    async def library(self) -> views.LibraryView:
        return views.LibraryView(bases=(BASE,), runs=())

    async def begin(self, base: str, *, name: str, actor: str) -> MemoryRoom:
        room = MemoryRoom(id=f"run{len(self.rooms) + 1}", name=name)
        self.rooms[room.id] = room
        return room

    async def room(self, run: str) -> MemoryRoom:
        if run not in self.rooms:
            raise StoreError(f"there is no session {run!r}; open one from the library.")
        return self.rooms[run]

    async def remove(self, run: str, *, actor: str) -> None:
        del self.rooms[run]

    async def restore(self, run: str) -> None:
        self.rooms[run] = MemoryRoom(id=run)

    async def adopt(self, folder: Path, name: str) -> views.BaseView:
        return BASE

    async def close(self) -> None:
        self.rooms.clear()
