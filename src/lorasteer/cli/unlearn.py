"""`lorasteer unlearn`: one round, from a request to a change with its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lorasteer.cli import options, show
from lorasteer.cli.asking import asked_for
from lorasteer.cli.groups import grouped
from lorasteer.cli.opening import actor, open_store
from lorasteer.cli.progress import working

if TYPE_CHECKING:
    from lorasteer.changes import Change
    from lorasteer.records import Request, Snapshot
    from lorasteer.session import Bench, Round
    from lorasteer.store import RunStore

RUN_FILES = ("run.json", "change")


@grouped
def unlearn(
    base: options.BaseFolder,
    *,
    asked: options.RequestWords,
    strength: options.Strength = None,
    models: options.Models,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Keep the run here as well as in the store.")
    ] = None,
    places: options.Places,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Make a base model forget, and measure what went and what stayed. The base is not touched.

    Example:
        lorasteer unlearn digits-base --forget 7 --intensity 0.75 --out no-sevens
        lorasteer unlearn cifar-base --where 'class == truck' --direction-attribute subname --direction-value fire_engine
        lorasteer unlearn digits-base --random 100 --retrained 2
    """
    from lorasteer.session import snapshot
    from lorasteer.session.opening import open_bench
    from lorasteer.store import check_out, write_run

    request = asked_for(asked)
    if out is not None:
        check_out(out, RUN_FILES, overwrite=overwrite)
    bench, kept_in = open_bench(base, places.data, places.cache), open_store(places.store)
    kept_in.prepare()
    done = _round(bench, request, models, strength)
    kept = snapshot(bench, done, base.resolve())
    if out is not None:
        write_run(kept, done.change, out)
    _keep(kept_in, kept, done.change, out)
    _report(kept, done, out, json)


def _keep(store: RunStore, kept: Snapshot, change: Change, out: Path | None) -> None:
    """Keep a run in the store; one that can be kept there no longer is not lost, but written as a folder.

    Raises:
        StoreError: The store cannot be written any more; the message says where the run is.
    """
    from lorasteer.errors import StoreError
    from lorasteer.store import write_run

    try:
        store.add(kept, change, actor=actor())
    except StoreError as error:
        place = out or write_run(kept, change, Path(f"run-{kept.run.id}"))
        raise StoreError(f"the run is whole in {place}, but not in the store: {error}") from error


def _round(bench: Bench[Any, Any], request: Request, models: options.Models, strength: float | None) -> Round:
    from lorasteer.methods import unlearn as carry_out
    from lorasteer.session.opening import retrained_models

    translation = bench.translate(request)
    beside = retrained_models(bench, translation.splits, count=models.retrained, folders=models.compare, stage=working)
    with working(request.method) as observers:
        change = carry_out(bench.material(translation.splits), translation.plan, observers)
    return bench.measure(request, translation, change if strength is None else change.at(strength), retrained=beside)


def _report(kept: Snapshot, done: Round, out: Path | None, json: bool) -> None:
    if json:
        show.document({"folder": str(out) if out else None, **kept.model_dump(mode="json")})
        return
    for line in kept.iteration.plan.because:
        show.say(line)
    show.metrics_down(done.evaluations, floor=done.floor)
    show.remarks(kept.iteration.remarks)
    run = kept.run.id
    show.say(f"Run {run}{f' in {out}' if out else ''}. Next: lorasteer export {out or run} --out adapter")
