"""Progress on stderr: a bar where a person watches, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
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
            bar.update(task, total=step.steps, completed=step.step, loss=f"loss {step.loss:.3g}")

        yield (observe,)
