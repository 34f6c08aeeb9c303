"""`lorasteer export`: take a change away, as an adapter or as a whole model, with its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.opening import Opened, open_change
from lorasteer.errors import PlanError

if TYPE_CHECKING:
    from lorasteer.tasks.base import Base


def export(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Run to export: folder or id, ID:2 for its iteration 2, or folder of a change."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the result goes.")],
    merged: Annotated[bool, typer.Option("--merged", help="Write the whole model with the change in its weights.")] = False,
    base: Annotated[
        Path | None, typer.Option("--base", metavar="FOLDER", help="Base model, for --merged; the run's own when left out.")
    ] = None,
    strength: options.Strength = None,
    store: options.Store = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Write an adapter that stock PEFT loads, or the whole model, with a report beside it.

    Example:
        lorasteer export no-sevens --out adapter
        lorasteer export no-sevens --merged --strength 0.8 --out merged
    """
    from lorasteer import export as rooms
    from lorasteer.store import check_out

    opened = open_change(run, store)
    files = rooms.MERGED_FILES if merged else rooms.ADAPTER_FILES
    check_out(out, (*files, rooms.REPORT), overwrite=overwrite)
    if merged:
        rooms.export_merged(opened.change, _base(opened, base), out, strength=strength)
    else:
        rooms.export_adapter(opened.change, out, strength=strength)
    written = [*files]
    if opened.kept is not None:
        rooms.write_report(opened.kept, out, strength=strength)
        written.append(rooms.REPORT)
    _say(out, written, merged, json)


def _base(opened: Opened, folder: Path | None) -> Base:
    from lorasteer.session.opening import open_base

    known = opened.kept.run.base_folder if opened.kept else ""
    if folder is None and not known:
        raise PlanError("a merged model needs its base, and this change does not say where it lies; name it with --base FOLDER.")
    return open_base(folder or Path(known))


def _say(out: Path, written: list[str], merged: bool, json: bool) -> None:
    if json:
        show.document({"folder": str(out), "files": written})
        return
    show.say(f"{', '.join(written)} in {out}.")
    loads = f'lorasteer.open_base("{out}")' if merged else f'peft.PeftModel.from_pretrained(network, "{out}")'
    show.say(f"Load it in Python: {loads}")
