"""Inside the map process: take in what is newest, iterate while the map is not at rest, send frames at a steady pace."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Hashable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from lorasteer.errors import DataError, UserError
from lorasteer.projection.frame import Failed
from lorasteer.projection.messages import Begin, Message, Move, Pause, Replace, Restore, queued

if TYPE_CHECKING:
    from lorasteer.projection.embedding import Embedding

_NICE = 10
_AT_ONCE = 8  # messages read before the map goes on, or a sender that never rests would stop it
REFRESH = 50
"""Iterations towards features before newer ones are taken in."""


def run(pipe: Connection, frames_per_second: float) -> None:
    """Serve a map until the other end of the pipe is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes the pipe
    if hasattr(os, "nice"):
        os.nice(_NICE)
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded
    import torch

    torch.set_num_threads(1)
    try:
        _Server(pipe, 1 / frames_per_second).serve()
    except (EOFError, OSError):  # the other end is gone, perhaps within a message
        return


class _Server:
    """One map and the messages that come for it.

    Args:
        pipe: To the parent.
        pace: Least time between two frames, in seconds.
    """

    def __init__(self, pipe: Connection, pace: float) -> None:
        self._pipe, self._pace = pipe, pace
        self._map: Embedding | None = None
        self._key: Hashable = None
        self._waiting: list[Message] = []
        self._paused = self._unsent = False
        self._since = 0  # iterations since the features are those of now
        self._seq, self._sent_at = 0, 0.0

    def serve(self) -> None:
        while True:
            self._receive()
            message = self._due()
            if message is not None or self._moves():
                self._guarded(message)
            self._show()

    def _moves(self) -> bool:
        return self._map is not None and not self._paused and self._map.status == "settling"

    def _receive(self) -> None:
        """What has come, without what is outdated; waits where there is nothing else to do."""
        busy = self._moves() or self._waiting
        patience = 0.0 if busy else self._until_due() if self._unsent else None
        for _ in range(_AT_ONCE):
            if not self._pipe.poll(patience):
                return
            self._waiting = queued(self._waiting, self._pipe.recv())
            patience = 0.0

    def _due(self) -> Message | None:
        """The next message to take in; new features only after a whole refresh, or points would start and never arrive."""
        early = self._moves() and self._since < REFRESH
        for place, message in enumerate(self._waiting):
            if not (early and isinstance(message, Move)):
                return self._waiting.pop(place)
        return None

    def _guarded(self, message: Message | None) -> None:
        """Take in a message, or make a step without one; what fails is told, and the map stays as it was."""
        key = self._key if message is None or isinstance(message, Pause) else message.key
        try:
            self._step() if message is None else self._take(message)
        except UserError as error:
            self._pipe.send(Failed(str(error), key))
        except Exception as error:
            logging.getLogger(__name__).exception("the map failed")
            self._pipe.send(Failed(f"the map failed: {type(error).__name__}: {error}. Begin it again.", key))
            self._map = None if message is None else self._map  # a step that breaks once breaks again

    def _step(self) -> None:
        assert self._map is not None
        before = self._map.iteration
        self._map, self._unsent = self._map.step(), True
        self._since += self._map.iteration - before

    def _take(self, message: Message) -> None:
        if isinstance(message, Pause):
            self._paused = message.on
            return
        self._map = self._changed(message)
        self._key, self._unsent, self._since = message.key, True, 0
        if not isinstance(message, Move):
            self._sent_at = 0.0  # other points are shown at once

    def _changed(self, message: Begin | Move | Replace | Restore) -> Embedding:
        from lorasteer.projection.embedding import Embedding

        if isinstance(message, Begin):
            return Embedding.begin(message.features, message.labels, message.target, method=message.method, seed=message.seed)
        if isinstance(message, Restore):
            return self._restored(message)
        if self._map is None:
            raise DataError("there is no map to move. Begin one first.")
        if isinstance(message, Move):
            return self._map.moved(message.features)
        return self._map.replaced(message.features, message.labels, message.known, message.target)

    def _restored(self, message: Restore) -> Embedding:
        """The stored map, along the axes of the present one where there is one and they fit."""
        from lorasteer.projection.embedding import Embedding

        basis = self._map.seen.basis if self._map is not None else None
        if basis is not None and basis.axes.shape[1:] != message.features.shape[1:]:
            basis = None
        return Embedding.at(
            message.frame, message.features, message.labels, message.target, method=message.method, seed=message.seed, basis=basis
        )

    def _until_due(self) -> float:
        return max(0.0, self._sent_at + self._pace - time.monotonic())

    def _show(self) -> None:
        if self._map is None or not self._unsent or self._until_due() > 0:
            return
        self._pipe.send(replace(self._map.frame(), key=self._key, seq=self._seq))
        self._seq, self._sent_at, self._unsent = self._seq + 1, time.monotonic(), False
