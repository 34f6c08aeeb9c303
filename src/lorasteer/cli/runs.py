"""`lorasteer runs`: what the store keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.helptext import help_of
from lorasteer.cli.opening import open_store
from lorasteer.cli.refusals import Commands

if TYPE_CHECKING:
    from lorasteer.store import Found

runs = typer.Typer(cls=Commands, rich_markup_mode=None, invoke_without_command=True)
Name = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or a beginning or end of it that no other run shares.")]


def list_runs(store: options.Store = None, json: options.Json = False) -> None:
    """List the runs, the newest first.

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
        show.table(["run", "target", "method", "intensity", "forget test", "retain test"], [_line(run) for run in found])


def _line(found: Found) -> list[str]:
    from lorasteer.evaluation.table import cell

    run = found.record
    if run is None:
        return [found.id, f"damaged: {found.damage}", "", "", "", ""]
    values = {m.name: cell(m.value, m.unit) for m in run.evaluations[-1].measurements} if run.evaluations else {}
    shown = [values.get(name, "") for name in ("forget_test_accuracy", "retain_test_accuracy")]
    return [found.id, run.wording, run.plan.method, f"{run.request.intensity:g}", *shown]


def _described(found: Found) -> dict[str, object]:
    record = found.record.model_dump(mode="json") if found.record else None
    return {"id": found.id, "folder": str(found.folder), "damage": found.damage, "run": record}


def show_run(name: Name, store: options.Store = None, json: options.Json = False) -> None:
    """Show a run as its report.

    Example:
        lorasteer runs show 3f2a1c
    """
    run = open_store(store).load(name)
    if json:
        show.document(run.model_dump(mode="json"))
        return
    from lorasteer.export import report

    show.say(report(run))


def remove_run(name: Name, store: options.Store = None, json: options.Json = False) -> None:
    """Remove a run for good.

    Example:
        lorasteer runs rm 3f2a1c
    """
    removed = open_store(store).remove(name)
    if json:
        show.document({"removed": removed})
    else:
        show.say(f"Removed {removed}.")


def default(ctx: typer.Context) -> None:
    """List, show and remove finished runs.

    Example:
        lorasteer runs
        lorasteer runs show 3f2a1c
        lorasteer runs rm 3f2a1c
    """
    if ctx.invoked_subcommand is None:
        list_runs()


runs.callback(help=help_of(default))(default)
runs.command("list", help=help_of(list_runs))(list_runs)
runs.command("show", help=help_of(show_run))(show_run)
runs.command("rm", help=help_of(remove_run))(remove_run)
