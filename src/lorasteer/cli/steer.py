"""`lorasteer steer`: forget step by step, at the keyboard or by a script."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lorasteer.cli import options, show
from lorasteer.cli.asking import asked_for, has_target
from lorasteer.cli.groups import grouped
from lorasteer.cli.opening import actor, open_store
from lorasteer.cli.progress import working
from lorasteer.errors import Interrupted, SessionError, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lorasteer.records import Request
    from lorasteer.session import Bench, Session
    from lorasteer.store import RunStore
    from lorasteer.tasks.base import Base
    from lorasteer.tasks.splits import Splits
    from lorasteer.tasks.training import Observer

TRACKED = "tracked"
"""Folder in the store for trackers that write files."""


@grouped
def steer(
    base: Annotated[
        Path | None,
        typer.Argument(metavar="[BASE]", help="Folder of a base model; the run's own with --resume.", show_default=False),
    ] = None,
    *,
    asked: options.RequestWords,
    models: options.Models,
    script: Annotated[
        Path | None, typer.Option("--script", metavar="FILE", help="Steps to take, as TOML; nobody needs to be at the keyboard.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on with a run; with --script, with the steps not done yet.")
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            "--track", metavar="NAME", help="Send events and numbers to tensorboard, mlflow, wandb or trackio; repeatable."
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What to call the run.")] = "",
    places: options.Places,
    json: Annotated[bool, typer.Option("--json", help="With --script: print a JSON document for each step, in a line.")] = False,
) -> None:
    """Forget step by step: look, go on, adjust, undo, branch, turn the strength, keep. Everything is kept as it happens.

    Example:
        lorasteer steer digits-base --forget 7
        lorasteer steer digits-base --forget 7 --script steps.toml
        lorasteer steer my-base --where "person == 'Nilo Gildas'" --method npo
        lorasteer steer --resume 3f2a1c
    """
    _check_terminal(script, json=json)
    if script is None:
        show.say("Opening …")  # a person waits for a few seconds until the screen is there

    from lorasteer.session.opening import open_bench, retrained_models
    from lorasteer.session.rehearsal import check_steps, read_script
    from lorasteer.session.tracking import check_tracker, tracked

    for tracker in track or ():
        check_tracker(tracker)
    request = asked_for(asked) if has_target(asked.target) else None
    steps = read_script(script) if script else ()
    if resume is None and steps:
        check_steps(steps, request)
    kept = open_store(places.store)
    folder = _base_folder(base, resume, kept)
    bench = open_bench(folder, places.data, places.cache)

    def beside(splits: Splits) -> Sequence[Base]:
        stage = working if script else _unwatched  # a bar would be drawn over the screen
        return retrained_models(bench, splits, count=models.retrained, folders=models.compare, stage=stage)

    facts = {"actor": actor() if script is None else f"{actor()}, by script", "retrained": beside}
    with (
        _session(bench, kept, resume, {"name": name, "base_folder": folder.resolve()}, facts) as session,
        tracked(session, track or (), kept.root / TRACKED),
    ):
        if script:
            _play(session, steps, request, script, json=json)
        else:
            _interact(session, request)


def _unwatched(label: str) -> AbstractContextManager[Sequence[Observer]]:
    return nullcontext(())


def _check_terminal(script: Path | None, *, json: bool) -> None:
    if script is None and (json or not (sys.stdin.isatty() and sys.stdout.isatty())):
        raise SessionError("there is no terminal to steer at; give the steps with --script FILE, or run it in a terminal.")


def _base_folder(base: Path | None, resume: str | None, store: RunStore) -> Path:
    if base is not None:
        return base
    known = store.load(resume).base_folder if resume else ""
    if not known:
        raise StoreError("no base model is named; give the folder of one, from `lorasteer train`, or --resume RUN.")
    return Path(known)


def _session(
    bench: Bench[Any, Any], store: RunStore, resume: str | None, fresh: dict[str, Any], facts: dict[str, Any]
) -> Session:
    from lorasteer.session import Session

    return Session.open(bench, store, resume, **facts) if resume else Session.begin(bench, store, **fresh, **facts)


def _play(session: Session, steps: Sequence[Any], request: Request | None, script: Path, *, json: bool) -> None:
    from lorasteer.session.script import play

    try:
        for played in play(session, steps, request):
            show.line({**played.model_dump(mode="json"), "run": session.id}) if json else show.say(played.line)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; every step that was told is kept. Go on with: lorasteer steer --resume {session.id} --script {script}"
        ) from None
    if not json:
        show.say(f"Run {session.id}. Next: lorasteer runs show {session.id}")


def _interact(session: Session, request: Request | None) -> None:
    from rich.console import Console

    from lorasteer.cli.keyboard import keyboard
    from lorasteer.cli.steering.loop import Steering

    Steering(session, request).run(keyboard(), Console())
    closed = session.state == "closed"
    show.say(f"Run {session.id}. Next: lorasteer {'runs show' if closed else 'steer --resume'} {session.id}")
