"""Events and measurements to an experiment tracker, through accelerate, where a person names one; else nothing is imported."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from lorasteer.errors import SessionError, choices
from lorasteer.records import Event, Iteration
from lorasteer.session.standing import Standing
from lorasteer.tasks.training import Progress

PACKAGES = {"mlflow": "mlflow", "tensorboard": "tensorboard", "trackio": "trackio", "wandb": "wandb"}
"""Trackers by name, with the package to install; the module is called like the tracker."""
PROJECT = "lorasteer"
"""Project, or experiment, under which runs are filed."""
EVERY = 10
"""Training steps between two losses that are sent on."""


class Tracker(Protocol):
    """What accelerate's trackers can do, as far as it is used here."""

    def start(self) -> None:
        """Open the tracker."""

    def store_init_configuration(self, values: dict[str, str]) -> None:
        """Keep what the run is about."""

    def log(self, values: dict[str, float], step: int | None = None) -> None:
        """Send numbers."""

    def finish(self) -> None:
        """Close the tracker."""


@dataclass
class Forward:
    """A listener that sends on what a session does.

    Each line of the log is sent as `event/<action>`, with the head that it led to; each iteration's measurements under its
    number; the loss, and what is left of what goes and of what stays, at every tenth step of training.

    Args:
        session: Whose iterations are measured.
        tracker: Where to.
    """

    session: Standing
    tracker: Tracker
    _step: int = 0

    def __call__(self, told: Event | Progress) -> None:
        """Take an event or a training step."""
        if isinstance(told, Progress):
            self._step += 1
            if self._step % EVERY == 1:
                self.tracker.log(figures(told), step=self._step)
            return
        self.tracker.log({f"event/{told.action}": float(told.seq), "session/head": float(self.session.head)}, step=told.seq)
        made = self.session.current
        if made is not None and told.detail.get("did") == made.action:
            self.tracker.log(measurements(made), step=made.number)


def figures(step: Progress) -> dict[str, float]:
    """What is sent on of a training step: its loss, and what the stop rule saw last of what goes and what stays."""
    seen = {"train/forget": step.seen.forget, "train/retain": step.seen.retain} if step.seen else {}
    return {"train/loss": float(step.loss), **seen}


def measurements(iteration: Iteration) -> dict[str, float]:
    """What was measured of an iteration, by name; what is not defined is left out."""
    found = {f"measured/{m.name}": m.value for m in iteration.evaluations[-1].measurements}
    return {name: float(value) for name, value in found.items() if value is not None}


@contextlib.contextmanager
def tracked(session: Standing, names: Sequence[str], folder: Path | str) -> Iterator[None]:
    """Send on what a session does while the block runs.

    Args:
        session: The session.
        names: Trackers: `tensorboard`, `mlflow`, `wandb`, `trackio`.
        folder: Where trackers that write files put them. MLflow's own MLFLOW_TRACKING_URI goes before.

    Raises:
        SessionError: A tracker is unknown or not installed.
    """
    for name in names:
        check_tracker(name)
    with contextlib.ExitStack() as stack:
        for name in names:
            tracker = _opened(name, session, Path(folder).absolute())
            stack.callback(tracker.finish)
            listener = Forward(session, tracker)
            session.listeners.append(listener)
            stack.callback(_without, session, listener)
        yield


def check_tracker(name: str) -> None:
    """Refuse a tracker that cannot be used, before any work.

    Raises:
        SessionError: It is unknown or not installed.
    """
    if name not in PACKAGES:
        raise SessionError(f"unknown tracker {name!r}. {choices(name, PACKAGES)}")
    if find_spec(name) is None:
        raise SessionError(f"tracker {name!r} is not installed. Run `pip install {PACKAGES[name]}`, or leave it out.")


def _opened(name: str, session: Standing, folder: Path) -> Tracker:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    kind = LOGGER_TYPE_TO_CLASS[name]
    if name == "mlflow":
        _local_mlflow(folder)
        tracker: Tracker = kind(PROJECT, run_name=session.id)
    elif name == "tensorboard":
        tracker = kind(session.id, logging_dir=folder)
    else:
        tracker = kind(PROJECT, name=session.id)
    tracker.start()
    facts = {"run": session.id, "base": session.bench.base.digest, "data": session.bench.data.name}
    tracker.store_init_configuration(facts)
    return tracker


def _local_mlflow(folder: Path) -> None:
    """Let MLflow write into the folder, unless its own variable says where to."""
    if "MLFLOW_TRACKING_URI" not in os.environ:
        import mlflow

        mlflow.set_tracking_uri((folder / "mlruns").as_uri())


def _without(session: Standing, listener: Forward) -> None:
    # a listener that broke was taken off already
    with contextlib.suppress(ValueError):
        session.listeners.remove(listener)
