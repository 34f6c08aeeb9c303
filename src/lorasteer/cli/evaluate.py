"""`lorasteer evaluate`: measure a base, or a change in force, beside retrained models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.asking import direction_of, has_target, request_of, target_of
from lorasteer.cli.groups import grouped
from lorasteer.cli.opening import Opened, open_change
from lorasteer.cli.progress import working

if TYPE_CHECKING:
    from lorasteer.evaluation import Spread
    from lorasteer.records import Direction, Evaluation, Request, Target


@grouped
def evaluate(
    base: options.BaseFolder,
    *,
    change: Annotated[
        str | None,
        typer.Option(
            "--change", metavar="RUN", help="Run to measure: folder or id, ID:2 for its iteration 2, or folder of a change."
        ),
    ] = None,
    named: options.TargetWords,
    meaning: options.DirectionWords,
    seed: options.Seed = 0,
    strength: options.Strength = None,
    models: options.Models,
    suite: options.Suite = "quick",
    places: options.Places,
    json: options.Json = False,
) -> None:
    """Measure a base model and, if one is named, a change of it. The target is the run's own unless another is given.

    Example:
        lorasteer evaluate digits-base --change no-sevens --retrained 2
        lorasteer evaluate digits-base --forget 7
    """
    from lorasteer.session.opening import open_bench, retrained_models

    direction = direction_of(meaning)
    opened = open_change(change, places.store) if change is not None else None
    target = target_of(named) if has_target(named) or opened is None or opened.kept is None else None
    request = _request(target, direction, seed, opened)
    bench = open_bench(base, places.data, places.cache)
    bench.suite = suite
    translation = bench.translate(request)
    beside = retrained_models(bench, translation.splits, count=models.retrained, folders=models.compare, stage=working)
    if opened is None:
        _report(translation.wording, bench.look(translation, retrained=beside), None, (), json)
        return
    applied = opened.change if strength is None else opened.change.at(strength)
    done = bench.measure(request, translation, applied, retrained=beside)
    _report(translation.wording, done.evaluations, done.floor, done.remarks, json)


def _report(
    wording: str, evaluations: Sequence[Evaluation], floor: Mapping[str, Spread] | None, remarks: Sequence[str], json: bool
) -> None:
    if json:
        measured = [evaluation.model_dump(mode="json") for evaluation in evaluations]
        spread = {name: found._asdict() for name, found in (floor or {}).items()}
        show.document({"wording": wording, "evaluations": measured, "floor": spread, "remarks": list(remarks)})
        return
    show.say(f"Target {wording}.")
    show.metrics_down(evaluations, floor=floor)
    show.remarks(remarks)


def _request(target: Target | None, direction: Direction | None, seed: int, opened: Opened | None) -> Request:
    kept = opened.kept if opened else None
    if target is None and kept is not None:
        return kept.iteration.request
    assert target is not None
    return request_of(target, direction=direction, seed=seed)
