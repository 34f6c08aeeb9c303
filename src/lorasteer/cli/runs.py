"""`lorasteer runs`: what the store keeps, whether it is whole, and what may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.helptext import help_of
from lorasteer.cli.opening import open_store, run_and_number
from lorasteer.cli.refusals import USER_ERROR, Commands

if TYPE_CHECKING:
    from lorasteer.records import Evaluation, Event, Iteration, RunRecord, Snapshot
    from lorasteer.store import Found

runs = typer.Typer(cls=Commands, rich_markup_mode=None, invoke_without_command=True)
_PART = "an id, or a beginning or end of one that no other run shares"
Name = Annotated[str, typer.Argument(metavar="RUN", help=f"Run: {_PART}.")]
_WITH_NUMBER = f"Run: {_PART}; :2 after it names iteration 2."
Place = Annotated[str, typer.Argument(metavar="RUN", help=_WITH_NUMBER)]
Other = Annotated[str, typer.Argument(metavar="OTHER", help=_WITH_NUMBER)]
SHOWN = ("forget_test_accuracy", "retain_test_accuracy")
"""Measurements that a line of a list has room for."""


def list_runs(store: options.Store = None, json: options.Json = False) -> None:
    """List the runs, the newest first. Numbers are those of the iteration in force.

    Example:
        lorasteer runs list
    """
    kept = open_store(store)
    found = kept.list()
    if json:
        show.document([_described(run) for run in found])
    elif not found:
        show.say(f"No runs in {kept.root} yet. Make one with lorasteer unlearn.")
    else:
        head = ["run", "name", "head", "target", "method", "intensity", "forget test", "retain test"]
        show.table(head, [_line(run) for run in found])


def _line(found: Found) -> list[str]:
    run, head = found.record, found.head
    if run is None:
        return [found.id, "", "", f"damaged: {found.damage}", "", "", "", ""]
    place = f"{run.head} of {found.iterations}"
    if head is None:
        return [found.id, run.name, place, "nothing: the base is in force", "", "", "", ""]
    return [found.id, run.name, place, head.wording, head.plan.method, f"{head.request.intensity:g}", *_values(head)]


def _values(iteration: Iteration) -> list[str]:
    from lorasteer.evaluation.table import cell

    last = iteration.evaluations[-1].measurements if iteration.evaluations else ()
    values = {m.name: cell(m.value, m.unit) for m in last}
    return [values.get(name, "") for name in SHOWN]


def _described(found: Found) -> dict[str, object]:
    run, head = (record.model_dump(mode="json") if record else None for record in (found.record, found.head))
    return {"id": found.id, "damage": found.damage, "iterations": found.iterations, "run": run, "head": head}


def show_run(
    name: Place,
    log: Annotated[bool, typer.Option("--log", help="Show what happened, and when, instead.")] = False,
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Show a run, or one iteration of it. A run of several is shown as a table, then the report of the one in force.

    Example:
        lorasteer runs show 3f2a1c
        lorasteer runs show 3f2a1c:2
        lorasteer runs show 3f2a1c --log
    """
    kept, (run_name, number) = open_store(store), run_and_number(name)
    run, iterations, events = kept.load(run_name), kept.iterations(run_name), kept.events(run_name)
    chosen = kept.iteration(run_name, number) if number or (number is None and run.head) else None
    if json:
        parts = {"iterations": iterations, "events": events}
        listed = {part: [record.model_dump(mode="json") for record in records] for part, records in parts.items()}
        show.document({"run": run.model_dump(mode="json"), "iteration": chosen and chosen.model_dump(mode="json"), **listed})
    elif log:
        _tell_log(events)
    else:
        _tell(run, iterations, chosen, alone=number is not None)


def _tell(run: RunRecord, iterations: Sequence[Iteration], chosen: Iteration | None, *, alone: bool) -> None:
    """The tree where there is more to see than one iteration, then the report of the chosen one."""
    from lorasteer.export import report
    from lorasteer.records import Snapshot

    if not alone and len(iterations) != 1:
        show.say(f"Run {run.id} is {run.state}; iteration {run.head} is in force." + (f" Name: {run.name}." if run.name else ""))
        head = ["iteration", "after", "action", "target", "method", "intensity", "strength", "forget test", "retain test", "note"]
        show.table(head, [_branch(iteration, run.head) for iteration in iterations])
    if chosen is not None:
        show.say(report(Snapshot(run=run, iteration=chosen)))


def _branch(iteration: Iteration, head: int) -> list[str]:
    mark = f"{iteration.number} *" if iteration.number == head else str(iteration.number)
    after = "base" if iteration.parent == 0 else str(iteration.parent)
    asked = [iteration.wording, iteration.plan.method, f"{iteration.request.intensity:g}", f"{iteration.change.strength:g}"]
    return [mark, after, iteration.action, *asked, *_values(iteration), iteration.note]


def _tell_log(events: Sequence[Event]) -> None:
    lines = [
        [str(event.seq), event.time, event.actor, event.action, f"{event.detail['head']}", str(event.detail["state"]), event.why]
        for event in events
    ]
    show.table(["event", "time", "who", "action", "head", "state", "why"], lines)


def compare_runs(first: Place, second: Other, store: options.Store = None, json: options.Json = False) -> None:
    """Compare two runs metric by metric. Two iterations of one run can be compared too.

    Example:
        lorasteer runs compare 3f2a1c 9b01d2
        lorasteer runs compare 3f2a1c:1 3f2a1c:4
    """
    kept = open_store(store)
    one, other = (kept.snapshot(*run_and_number(name)) for name in (first, second))
    remarks, lines = _unlike(one, other), _beside(one.iteration, other.iteration)
    if json:
        found = {"first": one.model_dump(mode="json"), "second": other.model_dump(mode="json")}
        show.document({**found, "differences": _differences(one.iteration, other.iteration), "remarks": remarks})
        return
    show.say(f"{_called(one)} and {_called(other)}.")
    show.table(["metric", first, second, "difference"], lines, numbers=True)
    show.remarks(remarks)


def _called(kept: Snapshot) -> str:
    iteration = kept.iteration
    return f"Run {kept.run.id}:{iteration.number} ({iteration.wording}, {iteration.plan.method})"


def _unlike(one: Snapshot, other: Snapshot) -> list[str]:
    """What makes two sets of numbers hard to compare."""
    facts = {
        "base models": (one.run.base, other.run.base),
        "data": (one.run.data_digest, other.run.data_digest),
        "splits": (one.iteration.splits, other.iteration.splits),
    }
    unlike = [name for name, (mine, theirs) in facts.items() if mine != theirs]
    return [f"{name} differ, so the numbers speak of different things." for name in unlike]


def _measured(iteration: Iteration) -> Evaluation:
    from lorasteer.errors import StoreError

    if not iteration.evaluations:
        raise StoreError(f"iteration {iteration.number} was not measured; compare one that was, or use `lorasteer evaluate`.")
    return iteration.evaluations[-1]


def _differences(one: Iteration, other: Iteration) -> dict[str, float | None]:
    mine, theirs = ({m.name: m.value for m in _measured(iteration).measurements} for iteration in (one, other))
    pairs = {name: (mine[name], theirs[name]) for name in mine if name in theirs}
    return {name: None if a is None or b is None else b - a for name, (a, b) in pairs.items()}


def _beside(one: Iteration, other: Iteration) -> list[list[str]]:
    from lorasteer.evaluation.table import MISSING, cell, heading

    lines = []
    for name, difference in _differences(one, other).items():
        mine, theirs = _measured(one)[name], _measured(other)[name]
        if mine.value is None and theirs.value is None:
            continue
        sign = "+" if difference is not None and difference > 0 else ""
        shown = f"{sign}{cell(difference, mine.unit)}" if difference is not None else MISSING
        lines.append([heading(mine), cell(mine.value, mine.unit), cell(theirs.value, theirs.unit), shown])
    return lines


def remove_run(name: Name, store: options.Store = None, json: options.Json = False) -> None:
    """Remove a run with its log for good. The room its numbers take is freed by `lorasteer runs gc`.

    Example:
        lorasteer runs rm 3f2a1c
    """
    removed = open_store(store).remove(name)
    if json:
        show.document({"removed": removed})
    else:
        show.say(f"Removed {removed}. Free its room with lorasteer runs gc.")


def collect(store: options.Store = None, json: options.Json = False) -> None:
    """Free room that no run needs. It was left by removed runs, or by writing that was cut off.

    Example:
        lorasteer runs gc
    """
    freed = open_store(store).gc()
    if json:
        show.document({"removed": freed.count, "bytes": freed.bytes})
    else:
        show.say(f"Removed {freed.count} folders of {freed.bytes / 1e6:.1f} MB that no run needs.")


def verify(store: options.Store = None, json: options.Json = False) -> None:
    """Check that all is as it was written. Every log, record and number is read; ends with 2 where something was altered.

    Example:
        lorasteer runs verify
    """
    kept = open_store(store)
    problems, removable = kept.verify(), kept.unreachable()
    if json:
        found = [{"where": problem.where, "what": problem.what} for problem in problems]
        show.document({"clean": not problems, "problems": found, "removable": [str(folder) for folder in removable]})
    else:
        for problem in problems:
            show.say(f"- {problem}")
        show.say("Clean: every log, record and number is as it was written." if not problems else f"Problems: {len(problems)}.")
        if removable:
            show.say(f"{len(removable)} folders that no run needs can be removed with lorasteer runs gc.")
    if problems:
        raise typer.Exit(USER_ERROR)


def default(ctx: typer.Context) -> None:
    """List, show, compare, check and remove runs.

    Example:
        lorasteer runs
        lorasteer runs show 3f2a1c
        lorasteer runs verify
    """
    if ctx.invoked_subcommand is None:
        list_runs()


runs.callback(help=help_of(default))(default)
_COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_runs, "show": show_run, "compare": compare_runs, "rm": remove_run, "gc": collect, "verify": verify,
}  # fmt: skip
for word, command in _COMMANDS.items():
    runs.command(word, help=help_of(command))(command)
