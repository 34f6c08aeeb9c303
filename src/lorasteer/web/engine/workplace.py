"""Everything that is open in the process that works: the store, bases on their benches, and a desk for each session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lorasteer.errors import Interrupted, UserError
from lorasteer.records import Request
from lorasteer.session import Budget, Goal, Session, Workbench, accuracy_on_test
from lorasteer.session.demo import MODEL
from lorasteer.session.opening import open_workbench, retrained_models
from lorasteer.session.states import BUSY
from lorasteer.session.steps import AnyStep, Asking
from lorasteer.store import RunStore
from lorasteer.tasks.activations import halting
from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.training import Observer, Progress
from lorasteer.tasks.vision.classifier import train_classifier
from lorasteer.tasks.vision.models import recipe_for
from lorasteer.tasks.vision.sources import load_data
from lorasteer.web import views
from lorasteer.web.engine import asking, exporting
from lorasteer.web.engine.atlas import Atlas
from lorasteer.web.engine.chart import Chart
from lorasteer.web.engine.desk import Begun, Desk, check_step
from lorasteer.web.engine.messages import Call, Made, News, Told
from lorasteer.web.engine.shelf import DIGITS, Shelf, id_of

MAPS = "maps"
"""Folder of pictures, beside the runs."""
PIXELS = 2_000_000
"""Test sets of at most this many numbers are asked at once how often the base is right."""


@dataclass(frozen=True)
class Place:
    """Where everything lies; goes to the process when it begins.

    Args:
        store: Folder of the store.
        bases: Folders of bases that were named.
        cache: Folder for activations and retrained models; the user's own when None.
        data: Where the data lies, for every base that was named; as each base recorded it when None.
    """

    store: Path
    bases: tuple[Path, ...] = ()
    cache: Path | None = None
    data: str | None = None

    @property
    def shelf(self) -> Shelf:
        """The bases."""
        return Shelf(self.store, self.bases)


@dataclass
class Workplace:
    """What is open. Its methods are called one at a time, but for those that `worker` does beside them, which touch no model.

    Args:
        place: Where everything lies.
        tell: Takes what is said to the server.
        desks: Open sessions, by their ids.
        undrawn: Sessions that are not shown whole yet.
    """

    place: Place
    tell: Callable[[Told], None]
    desks: dict[str, Desk] = field(default_factory=dict)
    undrawn: list[str] = field(default_factory=list)
    _atlas: Atlas = field(default_factory=Atlas)
    _benches: dict[Path, tuple[Workbench, float | None]] = field(default_factory=dict)

    @property
    def store(self) -> RunStore:
        """The store."""
        return RunStore(self.place.store)

    def loaded(self, call: Call) -> bool:
        """Whether a session can be begun or opened without making a model, which would take random numbers from a training."""
        try:
            folder = self.place.shelf.folder(call.facts["base"]) if call.what == "begin" else self._folder_of(call.run)
        except UserError:
            return False
        return folder in self._benches

    def _folder_of(self, run: str) -> Path:
        record = self.store.load(run)
        return self._base_of(record.base, Path(record.base_folder))[1]

    def begin(self, base: str, name: str, actor: str, *, free: bool = True) -> views.SessionView:
        """A new session on a base, which is trained first where it is not ready; a model is only asked where it is `free`."""
        folder = self.place.shelf.folder(base)
        if base == DIGITS and not (folder / "base.json").is_file():
            self._train_digits(folder)
        bench, _ = self._bench(folder)
        session = Session.begin(
            bench, self.store, name=name, base_folder=folder.absolute(), actor=actor, retrained=partial(_kept, bench)
        )
        return self._seat(session, base, folder, name, free=free)

    def open(self, run: str, *, free: bool = True) -> views.SessionView:
        """A session that was begun before; a model is only asked where it is `free`."""
        record = self.store.load(run)
        if record.id in self.desks:
            return self.desks[record.id].view
        base, folder = self._base_of(record.base, Path(record.base_folder))
        bench, _ = self._bench(folder)
        session = Session.open(bench, self.store, record.id, retrained=partial(_kept, bench))
        if session.state == "closed":
            session.close()
        return self._seat(session, base, folder, record.name, free=free)

    def _seat(self, session: Session, base: str, folder: Path, name: str, *, free: bool) -> views.SessionView:
        shown = self.place.shelf.view(base, folder).model_copy(update={"accuracy": self._bench(folder)[1]})
        tell = partial(self._told, session.id)
        chart = Chart(session, self._atlas, self.place.store / MAPS, tell)
        desk = self.desks[session.id] = Desk(session, shown, name, tell, chart, free=free)
        self.undrawn.append(session.id)
        return desk.view

    def _told(self, run: str, told: views.SessionView | views.Progress | views.MapPoints | views.MapFrame) -> None:
        self.tell(News(run, told))

    def draw(self, halt: Callable[[], bool]) -> None:
        """Draw the map of a session that is not drawn as it stands; what is not done when somebody waits is done later."""
        run = self.undrawn.pop()
        try:
            with halting(halt):
                self.desks[run].draw()
        except Interrupted:
            self.undrawn.append(run)

    def _base_of(self, digest: str, hint: Path) -> tuple[str, Path]:
        """The base with a digest: on the shelf, or where the run says that it lay."""
        shelf = self.place.shelf
        for view in shelf.bases():
            if view.digest == digest:
                return view.id, shelf.folder(view.id)
        return id_of(hint), hint

    def _bench(self, folder: Path) -> tuple[Workbench, float | None]:
        """A base on its bench, with its accuracy where that is quickly measured."""
        if folder not in self._benches:
            data = self.place.data if folder in self.place.bases else None
            bench = open_workbench(folder, data, self.place.cache)
            small = bench.data.test.images.size <= PIXELS
            self._benches[folder] = bench, accuracy_on_test(bench.base, bench.data) if small else None
        return self._benches[folder]

    def _train_digits(self, folder: Path) -> None:
        data, checkpoint = load_data("digits"), folder / "checkpoint.safetensors"
        with self._making(DIGITS) as observers:
            recipe = recipe_for(MODEL, len(data.train))
            base = train_classifier(data, MODEL, recipe, seed=0, observers=observers, checkpoint=checkpoint)
        save_base(base, folder)
        checkpoint.unlink(missing_ok=True)

    @contextmanager
    def _making(self, base: str) -> Iterator[Sequence[Observer]]:
        def observe(progress: Progress) -> None:
            self.tell(Made(base, progress.step / max(1, progress.steps)))

        try:
            yield (observe,)
        finally:
            self.tell(Made(base, None))

    def act(self, run: str, begun: Begun, step: AnyStep, version: int, actor: str) -> views.SessionView:
        """Take a decision."""
        self.undrawn.append(run)
        return self.desks[run].act(step, version=version, actor=actor, begun=begun)

    def seek(
        self, run: str, begun: Begun, request: Request, goal: Goal, budget: Budget, version: int, actor: str
    ) -> views.SessionView:
        """Search for a plan that reaches a goal."""
        self.undrawn.append(run)
        return self.desks[run].search(request, goal, budget, version=version, actor=actor, begun=begun)

    def busy_with(self, run: str) -> str:
        """What the work is busy with, for others who wait."""
        desk = self.desks.get(run)
        if desk is None:
            return "another session is being opened"
        return (
            f"session {desk.name or run} is {desk.session.state}" if desk.session.state in BUSY else f"session {desk.name or run}"
        )

    def dial(self, run: str, strength: float) -> views.Findings:
        """The head at another strength."""
        return self.desks[run].dial(strength)

    def findings(self, run: str, number: int, before: int | None) -> views.Findings:
        """What is measured of an iteration."""
        return self.desks[run].findings(number, before)

    def sketch(self, run: str, step: AnyStep) -> views.Preview:
        """What a request would do, said from the data alone, while a model is at work."""
        check_step(step)
        assert isinstance(step, Asking)
        player, task = self.desks[run].player, self.desks[run].session.task
        asked = task.request if task else player.asked()  # what is trained just now is not the head yet
        return asking.sketch(player.session, step.request(asked))

    def preview(self, run: str, step: AnyStep) -> views.Preview:
        """What a request would do."""
        check_step(step)
        return asking.preview(self.desks[run].player, step)

    def example(self, run: str, index: int) -> views.ExampleView:
        """One example, with answers."""
        session = self.desks[run].session
        return asking.example(session.bench.data, index, *asking.answers_of(session, index))

    def picture(self, run: str, index: int, part: Any) -> bytes:
        """The picture of an example."""
        return asking.picture(self.desks[run].session.bench.data, index, part)

    def pictures(self, run: str, number: int) -> tuple[views.MapFrame, ...]:
        """The pictures of an iteration's way."""
        return self.desks[run].chart.pictures(number)

    def known(self, run: str, index: int) -> views.ExampleView:
        """One example, with what is known of it without asking a model."""
        desk = self.desks[run]
        return asking.example(desk.session.bench.data, index, *desk.chart.answers(index))

    def find(self, run: str, text: str, limit: int) -> tuple[views.ExampleView, ...]:
        """Examples that words fit."""
        return asking.find(self.desks[run].session.bench.data, text, limit)

    def export(self, run: str, number: int, kind: exporting.Kind) -> tuple[views.Export, Path]:
        """Something to take away."""
        return exporting.export(self.desks[run].session, number, kind, self.place.store / exporting.FOLDER)


def _kept(bench: Workbench, splits: Splits) -> Sequence[Base]:
    """The retrained models that the cache has."""
    return retrained_models(bench, splits)
