"""The map of one session: its points, the pictures of every iteration, and what is drawn now."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lorasteer.projection import Begin, Frame, Message, Move, Replace, Restore
from lorasteer.projection.embedding import Embedding
from lorasteer.session import Session
from lorasteer.session.history import BASE
from lorasteer.session.orders import Task
from lorasteer.tasks.glance import Glance
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.splits import Index
from lorasteer.web import views
from lorasteer.web.engine import reels
from lorasteer.web.engine.atlas import Atlas, Key
from lorasteer.web.engine.reels import Reel, Shot
from lorasteer.web.engine.sheets import WORDS, Sheet, Space, answers_of, chosen, images_of, layers_of, packed, space_of

HELD = 8
"""Sets of points, and reels, that are held in memory."""
STRIDE = 5
"""Pictures on the way to some features before the map is sent to later ones, unless it is at rest."""


class Chart:
    """The map of one session. Work on it is done in the thread that works; pictures come in another.

    Args:
        session: The session.
        atlas: Draws.
        folder: Where pictures are kept.
        tell: Told of points and of pictures.
    """

    def __init__(
        self, session: Session, atlas: Atlas, folder: Path, tell: Callable[[views.MapPoints | views.MapFrame], None]
    ) -> None:
        self.session, self._atlas, self._folder, self._tell = session, atlas, folder, tell
        self.sheet: Sheet | None = None
        self.said: Glance | None = None
        self._sheets: dict[tuple[bytes, Space], Sheet] = {}
        self._serial = self._seq = 0
        self._guard = threading.Lock()
        self._reels: dict[tuple[int, int], Reel] = {}
        self._way = Reel()
        self._drawn = STRIDE
        self._positions: tuple[Sheet, NDArray[np.float32]] | None = None

    def train(self, task: Task) -> None:
        """A training begins: its points are drawn as they are now, so that they can be seen to move.

        Raises:
            Interrupted: What is drawn of them is not known yet, and somebody waits.
        """
        past, plan = self.session.past, task.translation.plan
        forget = [past.translation(number).splits.forget for number in task.numbers]
        layers = tuple(layers_of(self.session.bench.base, plan))
        beneath = [layer for change in task.beneath for layer in (change.layers or ("",))]
        sheet = self._sheet([*forget, task.translation.splits.forget], layers and (*layers, *beneath))
        self._way, self._drawn = Reel(), STRIDE
        if not self._atlas.follows(self.session.id, sheet.serial):
            self._show(sheet, self.session.head)

    def move(self, step: int, said: Glance) -> tuple[float | None, float | None]:
        """A training took the points further; gives accuracy on those of the target, and on the others."""
        assert self.sheet is not None
        sheet, answers = self.sheet, answers_of(said.logits)
        self.said = said
        if self._ready_to_move(sheet):
            key = Key(self.session.id, sheet.serial, self.session.head, step)
            self._drawn = 0
            self._atlas.send(key, Move(key, sheet.seen(said)), answers, self._taken)
        return sheet.shares(answers)

    def _ready_to_move(self, sheet: Sheet) -> bool:
        """Whether the map has gone some way towards where it was sent last: to find neighbours anew costs more than to go on."""
        return self._atlas.follows(self.session.id, sheet.serial) and self._drawn >= STRIDE

    def draw(self) -> None:
        """Draw the head: as it was drawn before, where it was.

        Raises:
            Interrupted: What is drawn is not known yet, and somebody waits.
        """
        session, head = self.session, self.session.head
        if self._atlas.shown is not None and self._atlas.shown == (session.id, self.sheet and self.sheet.serial, head, None):
            return
        if head == BASE:
            sheet = self.sheet or self._sheet([], classifier_head(session.bench.base.model))
        else:
            forget = [session.past.translation(number).splits.forget for number in session.past.requests(head)]
            sheet = self._sheet(forget, session.past.change(head).layers)
        self._keep_way(sheet, head)
        self._show(sheet, head)
        if self._positions is None and not self._atlas.ready:
            self._first(sheet, head)

    def _first(self, sheet: Sheet, head: int) -> None:
        """The first picture, made here while the map process still loads its libraries; the process makes the same one."""
        assert self.said is not None
        target = sheet.target if sheet.target.any() else None
        picture = Embedding.begin(sheet.seen(self.said), sheet.labels, target, method="pca").frame()
        self._told(Key(self.session.id, sheet.serial, head, None), picture, answers_of(self.said.logits))

    def _keep_way(self, sheet: Sheet, head: int) -> None:
        """The pictures of a training belong to the iteration that came of it."""
        if self._way.way and head and head == max(self.session.past.iterations):
            with self._guard:
                self._reels[sheet.serial, head] = self._way
        self._way = Reel()

    def _sheet(self, forget: Sequence[Index], layers: Sequence[str]) -> Sheet:
        """The points for some forget sets and changed layers; those that were drawn before are found again."""
        bench = images_of(self.session)
        index, target = chosen(bench, forget)
        key = (index.tobytes() + target.tobytes(), space_of(bench.base, layers))
        sheet = self._sheets.pop(key, None)
        if sheet is None:
            said = bench.glance(index)
            self._serial += 1
            sheet = Sheet(self._serial, key[1], index, bench.data.train.labels[index], target, said)
        self._sheets[key] = sheet
        while len(self._sheets) > HELD:
            self._sheets.pop(next(iter(self._sheets)))
        return sheet

    def _show(self, sheet: Sheet, number: int) -> None:
        """Draw an iteration on a sheet."""
        session = self.session
        said = sheet.base if number == BASE else images_of(session).glance(sheet.index, session.past.change(number))
        reel = self._reel(sheet, number)
        self._inherit(sheet, number, reel)
        answers, seen, key = answers_of(said.logits), sheet.seen(said), Key(session.id, sheet.serial, number, None)
        message = self._message(sheet, key, seen, reel)
        if sheet is not self.sheet:
            self.sheet = sheet
            self._tell(sheet.view(session.bench.data.train.ids))
        self.said = said
        if reel.last is not None:
            self._positions = (sheet, reel.last.frame.positions)
            self._told(key, reel.last.frame, answers)
        self._atlas.send(key, message, answers, self._taken)

    def _inherit(self, sheet: Sheet, number: int, reel: Reel) -> None:
        """Where the same points were drawn for an earlier target, they lie where they lay."""
        before = self.sheet
        if reel.last is not None or before is None or before is sheet:
            return
        if before.space == sheet.space and np.array_equal(before.index, sheet.index):
            reel.last = self._reel(before, number).last

    def _message(self, sheet: Sheet, key: Key, seen: NDArray[np.float32], reel: Reel) -> Message:
        labels, target = sheet.labels, sheet.target if sheet.target.any() else None
        if reel.last is not None:
            return Restore(key, reel.last.frame, seen, labels, target)
        if self._atlas.follows(self.session.id, sheet.serial):
            return Move(key, seen)
        before = self._positions
        if before is not None and before[0].space == sheet.space and self._atlas.follows(self.session.id, before[0].serial):
            return Replace(key, seen, labels, _carried(before, sheet), target)
        return Begin(key, seen, labels, target)

    def _reel(self, sheet: Sheet, number: int) -> Reel:
        """The pictures of an iteration: at hand, on the disk, or none yet."""
        with self._guard:
            held = self._reels.get((sheet.serial, number))
        if held is None:
            held = reels.read(reels.file_of(self._folder, self.session.id, number, sheet.digest), sheet.digest) or Reel()
        with self._guard:
            self._reels[sheet.serial, number] = held
            while len(self._reels) > HELD:
                self._reels.pop(next(iter(self._reels)))
        return held

    def _taken(self, key: Key, frame: Frame, answers: NDArray[np.int64]) -> None:
        """A picture has come; one of a place that was left meanwhile is too late to be shown."""
        sheet, shown = self.sheet, self._atlas.shown
        late = shown is None or sheet is None or (key.serial, key.number) != (shown.serial, shown.number)
        with self._guard:
            reel = self._way if key.step is not None else self._reels.setdefault((key.serial, key.number), Reel())
            if key.step is not None or not late:
                reel.add(Shot(key.step, frame, answers))
        if late or sheet is None:
            return
        self._positions = (sheet, frame.positions)
        if key == shown:
            self._drawn = STRIDE if frame.status != "settling" else self._drawn + 1
        self._told(key, frame, answers)
        if key.step is None and frame.status != "settling":
            reels.write(reels.file_of(self._folder, key.run, key.number, sheet.digest), reel, sheet.digest)

    def _told(self, key: Key, frame: Frame, answers: NDArray[np.int64]) -> None:
        self._seq += 1
        self._tell(self.frame(key, frame, answers, self._seq))

    def frame(self, key: Key, frame: Frame, answers: NDArray[np.int64], seq: int) -> views.MapFrame:
        """A picture as it is told."""
        assert self.sheet is not None
        of_target = frame.target_purity_features is not None
        return views.MapFrame(
            serial=key.serial, seq=seq, number=key.number, step=key.step,
            positions=base64.b64encode(frame.positions.astype("<f4").tobytes()).decode(),
            answers=packed(answers, len(self.session.bench.data.classes)),
            status="picture" if frame.iteration == 0 else frame.status, space=WORDS[self.sheet.space],
            purity_map=frame.target_purity_map if of_target else frame.purity_map,
            purity_features=frame.target_purity_features if of_target else frame.purity_features, words=frame.words,
        )  # fmt: skip

    def pictures(self, number: int) -> tuple[views.MapFrame, ...]:
        """The pictures of an iteration's way on the present points, the settled one last."""
        if self.sheet is None:
            return ()
        sheet, reel = self.sheet, self._reel(self.sheet, number)
        with self._guard:
            shots = reel.shots
        parent = self.session.history.parent(number)
        told = []
        for seq, shot in enumerate(shots):
            key = Key(self.session.id, sheet.serial, number if shot.step is None else parent, shot.step)
            told.append(self.frame(key, shot.frame, shot.answers, seq))
        return tuple(told)

    def answers(self, index: int) -> tuple[Glance | None, Glance | None]:
        """What is known of an example without asking a model: what base and head said of it as a point of the map."""
        sheet, said = self.sheet, self.said
        place = int(np.searchsorted(sheet.index, index)) if sheet is not None else 0
        if sheet is None or said is None or place >= len(sheet.index) or sheet.index[place] != index:
            return None, None
        return _one(sheet.base, place), _one(said, place)


def _one(said: Glance, place: int) -> Glance:
    return Glance(said.logits[place : place + 1], said.features[place : place + 1])


def _carried(before: tuple[Sheet, NDArray[np.float32]], sheet: Sheet) -> NDArray[np.float32]:
    """Where each point of a sheet lay on the picture before; NaN for one that was not on it."""
    earlier, positions = before
    known = np.full((len(sheet.index), 2), np.nan, np.float32)
    _, ours, theirs = np.intersect1d(sheet.index, earlier.index, return_indices=True)
    known[ours] = positions[theirs]
    return known
