"""`lorasteer retrain`: the same network, trained without the forget set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.asking import request_of, target_of
from lorasteer.cli.groups import grouped
from lorasteer.cli.progress import working
from lorasteer.cli.train import BASE_FILES, TEXT_FILES

FIRST_SEED = 1000
"""Seed of the first model that `--retrained` would train; with it that model need not be trained again."""


@grouped
def retrain(
    base: options.BaseFolder,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the retrained model goes.")],
    named: options.TargetWords,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the training; not the base's own.")] = FIRST_SEED,
    target_seed: Annotated[int, typer.Option("--target-seed", min=0, help="Seed that draws the examples of --random.")] = 0,
    data: options.Data = None,
    cache: options.Cache = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Train the base's own recipe again, without the forget set: the model that forgetting is compared with.

    Example:
        lorasteer retrain digits-base --forget 7 --out without-sevens
    """
    from lorasteer.session.opening import open_bench
    from lorasteer.store import check_out
    from lorasteer.tasks.base import save_base

    request = request_of(target_of(named), seed=target_seed)
    check_out(out, (*BASE_FILES, *TEXT_FILES), overwrite=overwrite)
    bench = open_bench(base, data, cache)
    translation = bench.translate(request)
    with working(f"retrained model, seed {seed}") as observers:
        model = bench.retrain(translation.splits, seed=seed, observers=observers)
    save_base(model, out)
    if json:
        sizes = translation.splits.sizes()
        show.document({"folder": str(out), "base": model.record.model_dump(mode="json"), "sizes": sizes})
        return
    show.say(f"Retrained without {translation.wording} in {model.record.seconds:.1f} s: {out}.")
    show.say(f"Next: lorasteer evaluate {base} --change RUN --compare {out}")
