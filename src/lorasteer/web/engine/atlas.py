"""The one map process and whose map it draws: the session that was last at work. Others keep their last picture."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import SessionError
from lorasteer.projection import Failed, Frame, MapProcess, Message

Taken = Callable[["Key", Frame, NDArray[np.int64]], None]
REMEMBERED = 16
"""Answers that are held for pictures on the way."""
_LOG = logging.getLogger(__name__)


class Key(NamedTuple):
    """What a picture is of.

    Args:
        run: The session.
        serial: Set of points.
        number: Iteration, or the one it is on the way from.
        step: Training step; None for a finished iteration.
    """

    run: str
    serial: int
    number: int
    step: int | None


class Atlas:
    """Draws one map at a time. Started when the first map is wanted; a process that died is started again with the next one."""

    def __init__(self) -> None:
        self._map: MapProcess | None = None
        self._guard = threading.Lock()
        self._answers: dict[Key, NDArray[np.int64]] = {}
        self._takers: dict[str, Taken] = {}
        self.ready = False
        """Whether the process has drawn anything yet; it first loads its libraries."""
        self.shown: Key | None = None
        """What was sent last; None where the process has nothing."""

    def send(self, key: Key, message: Message, answers: NDArray[np.int64], taken: Taken) -> None:
        """Draw something.

        Args:
            key: What it is of.
            message: Says so to the process; its key is this one.
            answers: What each point is taken for.
            taken: Takes the pictures of this session, in a thread of the atlas.
        """
        with self._guard:
            self._answers[key] = answers
            while len(self._answers) > REMEMBERED:
                self._answers.pop(next(iter(self._answers)))
            self._takers = {key.run: taken}
        with contextlib.suppress(SessionError):  # it died just now; the next message finds another
            process = self._process()
            self.shown = key
            process.send(message)

    def follows(self, run: str, serial: int) -> bool:
        """Whether the process draws these points, so that they can be moved."""
        alive = self._map is not None and self._map.alive
        return alive and self.shown is not None and (self.shown.run, self.shown.serial) == (run, serial)

    def _process(self) -> MapProcess:
        if self._map is None or not self._map.alive:
            self._map, self.ready = MapProcess(), False
            threading.Thread(target=self._read, args=(self._map,), name="lorasteer-atlas", daemon=True).start()
        return self._map

    def _read(self, process: MapProcess) -> None:
        while process.alive:
            told = process.poll(1.0)
            if isinstance(told, Failed):
                _LOG.warning("the map could not follow: %s", told.message)
            elif told is not None and isinstance(told.key, Key):
                self.ready = True
                self._pass_on(told.key, told)

    def _pass_on(self, key: Key, frame: Frame) -> None:
        with self._guard:
            answers, taken = self._answers.get(key), self._takers.get(key.run)
        if answers is None or taken is None:
            return
        try:
            taken(key, frame, answers)
        except Exception:
            _LOG.exception("a picture could not be told")
