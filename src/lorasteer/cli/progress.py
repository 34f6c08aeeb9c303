"""Progress on stderr: a bar where a person watches, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lorasteer.tasks.training import Observer
    from lorasteer.tasks.training import Progress as Step


@contextmanager
def working(label: str) -> Iterator[Sequence[Observer]]:
    """A piece of work with a name; gives the observers that show its progress.

    Args:
        label: What is being done, in a few words.
    """
    if not sys.stderr.isatty():
        yield ()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[loss]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, loss="")

        def observe(step: Step) -> None:
            seen = f"{step.seen.words}, " if step.seen else ""
            bar.update(task, total=step.steps, completed=step.step, loss=f"{seen}loss {step.loss:.3g}")

        yield (observe,)


Counted = Callable[[int, int, str, float], None]
"""Told how much of how much is done, what was last, and how many seconds are left."""


@contextmanager
def counting(label: str) -> Iterator[Counted]:
    """A piece of work of many parts; gives what shows how many are done.

    Args:
        label: What is being done, in a few words.
    """
    if not sys.stderr.isatty():
        yield lambda done, total, last, left: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[last]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, last="")

        def count(done: int, total: int, last: str, left: float) -> None:
            bar.update(task, total=total, completed=done, last=f"{last}, about {left:.0f} s left")

        yield count
