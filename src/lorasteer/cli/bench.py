"""`lorasteer bench`: all methods on one request, with seeds, as a table and a JSON document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.asking import direction_of, listed, numbers, target_of
from lorasteer.cli.groups import grouped
from lorasteer.cli.progress import working

if TYPE_CHECKING:
    from lorasteer.session import Comparison


@grouped
def bench(
    base: options.BaseFolder,
    *,
    named: options.TargetWords,
    methods: Annotated[
        str | None, typer.Option("--methods", metavar="NAME,NAME", help="Methods to compare; all that fit when left out.")
    ] = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="N,N", help="Seeds of the requests.")] = "0,1,2",
    intensity: options.Intensity = 0.5,
    meaning: options.DirectionWords,
    retrained: Annotated[int, typer.Option("--retrained", min=0, metavar="N", help="Number of retrained models.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write everything measured as JSON.")] = None,
    data: options.Data = None,
    cache: options.Cache = None,
    json: options.Json = False,
) -> None:
    """Compare methods on the same request, seeds and retrained models.

    Example:
        lorasteer bench digits-base --forget 7 --seeds 0,1,2 --retrained 2 --out results.json
    """
    from lorasteer.session import compare, document
    from lorasteer.session.opening import open_bench

    target = target_of(named)
    direction = direction_of(meaning)
    names, drawn = listed(methods) or None, numbers(seeds, what="--seeds")
    if out is not None:
        _check_file(out)
    opened = open_bench(base, data, cache)
    found = compare(
        opened, target, methods=names, seeds=drawn, intensity=intensity, direction=direction, retrained=retrained, stage=working
    )
    whole = document(opened, found, title=f"Forgetting {found.wording}", note=f"Mean ± largest distance over seeds {seeds}.")
    if out is not None:
        _write(out, whole)
    if json:
        show.document(whole)
    else:
        _tell(found, out)


def _check_file(path: Path) -> None:
    from lorasteer.errors import StoreError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}. Choose another file with --out.") from error
    if path.stat().st_size == 0:
        path.unlink()


def _write(path: Path, whole: dict[str, object]) -> None:
    import json

    from lorasteer.tasks.tensors import write_text

    write_text(path, json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _tell(found: Comparison, out: Path | None) -> None:
    from lorasteer.session.comparison import summary_table

    head, *body = summary_table(found.rows)
    show.say(f"Forgetting {found.wording}.")
    show.table(head, body, numbers=True)
    for name, reason in found.skipped.items():
        show.say(f"- left out: {name}: {reason}")
    if out is not None:
        show.say(f"Everything measured is in {out}.")
