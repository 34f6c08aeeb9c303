"""A session on a model somebody else trained: how long a person waits for a round, the dial, an undo, and an interrupt."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import bench, cifar10, resnet20, say, write
from lorasteer import Request, Session, Target
from lorasteer.records import Event
from lorasteer.store import RunStore
from lorasteer.tasks.training import Progress

TURNS = 7
CAT = Request(target=Target(classes=("cat",)), intensity=0.5)
LONG = CAT.model_copy(update={"settings": {"epochs": 200, "stop_at": None}})
PRESSED_AT = 20  # steps into a training
LIMITS = {"round": 1.0, "dial": 0.1, "undo": 0.1, "interrupt": 0.2}
"""Seconds that each may take."""


def main() -> None:
    """Measure all four on the published ResNet-20, cats to forget, with every step kept on disk."""
    data = cifar10()
    on = bench(resnet20(data, validation_share=0.0), data)
    with tempfile.TemporaryDirectory() as folder, Session.begin(on, RunStore(Path(folder))) as session:
        session.start(CAT)  # remembers the examples; the rounds after it are what a person waits for
        times = {
            "round": [_round(session) for _ in range(TURNS)],
            "dial": [_timed(lambda turn=turn: session.dial(0.2 * (turn + 1))) for turn in range(TURNS)],
            "undo": [_undo(session) for _ in range(TURNS)],
            "interrupt": [_interrupt(session) for _ in range(TURNS)],
        }
    for name, found in times.items():
        say(f"{name}: median {statistics.median(found):.3f} s, longest {max(found):.3f} s")
    rows = [[name, f"{statistics.median(found):.3f}", f"{max(found):.3f}", f"{LIMITS[name]:g}"] for name, found in times.items()]
    note = (
        "Seconds, activations remembered. A round is translating, unlearning, the whole quick suite, feedback, and keeping the "
        "iteration on disk; the dial measures the same suite at another strength, on all 10,000 test images and as many training "
        "images; an interrupt is timed from the key to the end of the training, with a usable change."
    )
    write(
        "steering", "A session on the pretrained ResNet-20, forget cat", data, ["", "median, s", "longest, s", "limit, s"], rows,
        note, seconds=times,
    )  # fmt: skip


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _round(session: Session) -> float:
    session.go(0)
    return _timed(lambda: session.adjust(CAT))


def _undo(session: Session) -> float:
    head = session.head
    took = _timed(session.undo)
    session.go(head)
    return took


def _interrupt(session: Session) -> float:
    """From the key, pressed in another thread, to the end of the training."""
    times: dict[str, float] = {}

    def press() -> None:
        times["pressed"] = time.perf_counter()
        session.interrupt()

    def listen(message: Event | Progress) -> None:
        if isinstance(message, Progress) and message.step == PRESSED_AT:
            threading.Thread(target=press).start()
        elif isinstance(message, Event) and message.action == "interrupt":
            times["ended"] = time.perf_counter()

    session.listeners.append(listen)
    session.go(0)
    session.adjust(LONG)
    session.listeners.remove(listen)
    return times["ended"] - times["pressed"]
