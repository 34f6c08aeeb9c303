"""A session in memory, for pages: real data, real translation, real rules of what is allowed, numbers by the law of `facts`.

What pages ask and decide is written down, so that tests can look at it.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lorasteer.errors import RequestError, SessionError
from lorasteer.records import Request
from lorasteer.session.goal import Goal
from lorasteer.session.states import after, allowed
from lorasteer.session.steps import AnyStep, Asking, Commit, Go
from lorasteer.steer.intensity import promised
from lorasteer.steer.translate import translate
from lorasteer.tasks.splits import Holdout
from lorasteer.tasks.vision.data import ImageData
from lorasteer.web import views
from lorasteer.web.house import News, Stale
from tests.web.pages.facts import BASE, BASE_ACCURACY, DATA, TIME, Kept, data_view, findings, flat

NOBODY = Holdout("train", np.empty(0, np.int64))


@dataclass
class MemoryRoom:
    """A session; see the module for its law.

    Args:
        id: Id of the run.
        data: What the session is about.
        steps: Training steps of each round; a pause of `pause` seconds after each.
        pause: Seconds.
    """

    id: str = "run1"
    name: str = "Forget a digit"
    data: ImageData = DATA
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
        self._positions = flat(self.data)
        self._tasks: set[asyncio.Task[None]] = set()
        self._seq = 0
        self._draw()

    # What is seen ------------------------------------------------------------------------------------------------------------

    @property
    def view(self) -> views.SessionView:
        base = views.Node(number=0, parent=None, action="base", text="base", forgotten=BASE_ACCURACY, retained=BASE_ACCURACY)
        kept, possible = self.kept.get(self.head), allowed(self.state, changed=bool(self.head))
        return views.SessionView(
            id=self.id, name=self.name, version=self.version, state=self.state, allowed=possible, head=self.head, base=BASE,
            data=data_view(self.data), nodes=(base, *(one.node for one in self.kept.values())), last=self.deed,
            findings=findings(kept, self.data.classes) if kept else None,
        )  # fmt: skip

    @property
    def progress(self) -> views.Progress | None:
        return self._progress

    @property
    def points(self) -> views.MapPoints | None:
        labels = self.data.train.labels
        target = self.kept[self.head].target if self.head else frozenset()
        return views.MapPoints(
            serial=1, index=tuple(range(len(labels))), ids=tuple(self.data.train.ids.tolist()), labels=tuple(labels.tolist()),
            target=tuple(self.data.classes[label] in target for label in labels), answers=tuple(labels.tolist()),
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
        return findings(self.kept[self.head], self.data.classes, strength)

    async def findings(self, number: int, before: int | None = None) -> views.Findings:
        if number not in self.kept:
            raise SessionError(f"there is no iteration {number}; there are {len(self.kept)}.")
        return findings(self.kept[number], self.data.classes, compared=before)

    async def preview(self, step: AnyStep) -> views.Preview:
        assert isinstance(step, Asking)
        request = step.request(self._asked())
        made = translate(request, self.data, NOBODY)
        return views.Preview(
            wording=made.wording, forget=len(made.splits.forget), plan=made.plan, promised=promised(request.intensity)
        )

    async def example(self, index: int) -> views.ExampleView:
        name = self.data.classes[self.data.train.labels[index]]
        return views.ExampleView(
            index=index, id=str(self.data.train.ids[index]), label=name, before=name, after=name,
            sure_before=0.98, sure_after=0.61,
            attributes={key: str(column[index]) for key, column in self.data.train.attributes.items()},
        )  # fmt: skip

    async def image(self, index: int, part: str = "train") -> bytes:
        out = io.BytesIO()
        Image.fromarray(self.data.train.images[index, 0]).save(out, "PNG")
        return out.getvalue()

    async def find(self, text: str, limit: int = 60) -> Sequence[views.ExampleView]:
        chosen = [place for place, label in enumerate(self.data.train.labels) if self.data.classes[label] == text.strip()]
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
        translate(request, self.data, NOBODY)  # refused before anything happens
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
                step=step, steps=self.steps, epoch=1 + step // 4, epochs=3, loss=1 / step, seconds=0.2 * step,
                forgotten=now, retained=0.96,
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
        plan = translate(request, self.data, NOBODY).plan
        text = f"{action} {request.method} {request.intensity:g}"
        node = views.Node(
            number=number, parent=self.head, action=action, text=text, strength=strength,
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
        named = self.kept[max(self.kept)].target if self.kept else frozenset([self.data.classes[7]])
        target = np.isin(self.data.train.labels, [self.data.classes.index(name) for name in named])
        places = self._positions.copy()
        places[target] *= 1 - 0.8 * gone
        answers = self.data.train.labels.astype(np.uint8)
        answers[target & (np.arange(len(answers)) % 10 < 10 * gone)] = 1
        return views.MapFrame(
            serial=1, seq=self._seq, number=self.head, step=step, positions=base64.b64encode(places.tobytes()).decode(),
            answers=base64.b64encode(answers.tobytes()).decode(), status="settling" if step else "settled", space="features",
            purity_map=1 - 0.9 * gone, purity_features=0.98 - 0.9 * gone, words="The map agrees with the features.",
        )  # fmt: skip
