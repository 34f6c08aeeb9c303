"""Several methods, several seeds, one base: the same request for all of them, measured beside the same retrained models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import torch

from lorasteer.errors import PlanError, TrainingDiverged
from lorasteer.evaluation import Spread, noise_floor
from lorasteer.evaluation.table import MISSING, cell, heading
from lorasteer.methods import METHODS
from lorasteer.records import Direction, Evaluation, Measurement, Plan, Request, Target
from lorasteer.session.bench import Bench
from lorasteer.session.workbench import methods_for, retrain_seeds
from lorasteer.store import machine, versions
from lorasteer.tasks.base import Base
from lorasteer.tasks.splits import Splits
from lorasteer.tasks.training import Observer

BASE, RETRAINED = "base", "retrained"
COLUMNS = (
    "forget_accuracy", "forget_test_accuracy", "retain_test_accuracy", "forget_probability", "forget_test_probability",
    "truth_ratio_probability", "forget_quality", "retain_probability", "model_utility", "mia_auc", "kl_to_retrained_forget",
    "gap_to_retrained", "privacy_leak", "seconds",
)  # fmt: skip
"""What a table over several methods shows of each, images or text; those that were not measured are left out."""

Stage = Callable[[str], AbstractContextManager[Sequence[Observer]]]
"""Opens a piece of work by its name and gives who shall watch it; how progress reaches a person."""


@contextmanager
def unwatched(label: str) -> Iterator[Sequence[Observer]]:
    """A stage that nobody watches."""
    yield ()


@dataclass(frozen=True)
class Row:
    """One measured model.

    Args:
        method: Registered method, `base` or `retrained`.
        seed: Seed of the request, of the base, or of the retraining.
        evaluation: Its measurements.
        remarks: What a reader of them should not miss.
        plan: What was carried out; None for base and retrained models.
    """

    method: str
    seed: int
    evaluation: Evaluation
    remarks: tuple[str, ...] = ()
    plan: Plan | None = None


class Summary(NamedTuple):
    """A metric over the seeds of a method.

    Args:
        mean: Mean value.
        least: Smallest value.
        most: Largest value.
        n: How many seeds have a value.
    """

    mean: float
    least: float
    most: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Args:
        rows: Base and retrained models of each splits, then methods in their order, each with all seeds.
        skipped: Methods that could not take part, with the reason.
        floor: Spread between the retrained models of the first splits; empty with fewer than two.
        splits: Digests of the splits; one, unless the target is random.
        wording: Target and direction in words.
    """

    rows: tuple[Row, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    floor: Mapping[str, Spread] = field(default_factory=dict)
    splits: tuple[str, ...] = ()
    wording: str = ""


def compare(
    bench: Bench[Any, Any],
    target: Target,
    *,
    methods: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    intensity: float = 0.5,
    direction: Direction | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    retrained: int = 1,
    stage: Stage = unwatched,
) -> Comparison:
    """Run methods with the same request and measure all of them.

    Args:
        bench: Base and data.
        target: What to forget.
        methods: Registered methods; all but the exact ones, which the retrained rows show, when left out. Named ones must fit
            the request; of the others, those that do not fit are skipped with the reason.
        seeds: Seeds of the requests.
        intensity: 0 to 1.
        direction: Meaning inside the target.
        settings: Settings by method that override what intensity would choose.
        retrained: How many retrained models to compare with, for each splits.
        stage: Told of each piece of work.

    Raises:
        RequestError: The target selects nothing usable.
        PlanError: A named method is unknown or does not fit; or no method fits.
    """
    chosen = _comparable(bench.task) if methods is None else list(dict.fromkeys(methods))
    asked = Request(target=target, intensity=intensity, direction=direction)
    requests = [
        asked.model_copy(update={"method": name, "seed": seed, "settings": dict((settings or {}).get(name, {}))})
        for name in chosen
        for seed in seeds
    ]
    fitting, skipped = _fitting(bench, requests, strict=methods is not None)
    gold = _Gold(bench, retrained, stage)
    rows: list[Row] = []
    wording = ""
    for request in fitting:
        models = gold.models(bench.translate(request).splits)
        with stage(f"{request.method}, seed {request.seed}") as observers:
            try:
                done = bench.run(request, retrained=models, observers=observers)
            except TrainingDiverged as error:
                skipped[request.method] = f"seed {request.seed}: {error}"
                continue
        gold.saw(done.evaluations)
        wording = wording or done.translation.wording
        rows.append(Row(request.method, request.seed, done.now, done.remarks, done.plan))
    return Comparison((*gold.rows(), *rows), skipped, gold.floor(), tuple(gold.trained), wording)


def _comparable(task: str) -> list[str]:
    return [name for name in methods_for(task) if METHODS[name]["family"] != "exact"]


def _fitting(bench: Bench[Any, Any], requests: Sequence[Request], *, strict: bool) -> tuple[list[Request], dict[str, str]]:
    fitting, skipped = [], {}
    for request in requests:
        try:
            bench.translate(request)
            fitting.append(request)
        except PlanError as error:
            if strict:
                raise
            skipped[request.method] = str(error)
    if not fitting:
        raise PlanError(f"no method fits this request: {next(iter(skipped.values()), 'none is registered')}")
    return fitting, skipped


@dataclass
class _Gold:
    """Retrained models, trained once for each splits, and what they and the base measured."""

    bench: Bench[Any, Any]
    count: int
    stage: Stage
    trained: dict[str, list[Base]] = field(default_factory=dict)
    seen: dict[str, tuple[Evaluation, ...]] = field(default_factory=dict)

    def models(self, splits: Splits) -> list[Base]:
        if splits.digest not in self.trained:
            self.trained[splits.digest] = [self._train(splits, seed) for seed in retrain_seeds(0, self.count)]
        return self.trained[splits.digest]

    def _train(self, splits: Splits, seed: int) -> Base:
        with self.stage(f"retrained model, seed {seed}") as observers:
            return self.bench.retrain(splits, seed=seed, observers=observers)

    def saw(self, evaluations: Sequence[Evaluation]) -> None:
        self.seen.setdefault(evaluations[0].splits, tuple(evaluations[:-1]))

    def floor(self) -> dict[str, Spread]:
        """Spread of the retrained models of the first splits; empty with fewer than two."""
        others = next(iter(self.seen.values()), ())[1:]
        return dict(noise_floor(others)) if len(others) > 1 else {}

    def rows(self) -> list[Row]:
        found = []
        for digest, (base, *others) in self.seen.items():
            found.append(Row(BASE, self.bench.base.record.seed, base))
            models = self.trained[digest]
            found += [Row(RETRAINED, model.record.seed, seen) for model, seen in zip(models, others, strict=True)]
        return found


def summarise(rows: Sequence[Row]) -> dict[str, dict[str, Summary]]:
    """Mean and range of each metric over the seeds of each method, in the order of the rows.

    A metric that has no value for a seed is left out for that seed, and for the method when it has none at all.

    Args:
        rows: Rows of any number of comparisons.
    """
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        method = values.setdefault(row.method, {})
        for measured in row.evaluation.measurements:
            if measured.value is not None:
                method.setdefault(measured.name, []).append(measured.value)
    return {
        method: {name: Summary(sum(found) / len(found), min(found), max(found), len(found)) for name, found in metrics.items()}
        for method, metrics in values.items()
    }


def markdown_summary(rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> str:
    """The summary as a Markdown table: mean ± largest distance of a seed from it.

    Args:
        rows: Rows of any number of comparisons.
        columns: Metrics to show.
    """
    head, *body = summary_table(rows, columns)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summary_table(rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> list[list[str]]:
    """The summary as text, headings first: mean ± largest distance of a seed from it."""
    measured: dict[str, Measurement] = {m.name: m for row in rows for m in row.evaluation.measurements}
    shown = [measured[name] for name in columns if name in measured]
    table = [["method", *(heading(m) for m in shown)]]
    for method, found in summarise(rows).items():
        table.append([method, *(summary_cell(found.get(m.name), m.unit) for m in shown)])
    return table


def summary_cell(summary: Summary | None, unit: str) -> str:
    """Mean ± largest distance of a seed from it; the mean alone for one seed.

    Example:
        >>> summary_cell(Summary(0.5, 0.25, 0.6, 3), "share"), summary_cell(None, "share")
        ('50.00% ± 25.00%', '–')
    """
    if summary is None:
        return MISSING
    mean = cell(summary.mean, unit)
    if summary.n == 1:
        return mean
    return f"{mean} ± {cell(max(summary.mean - summary.least, summary.most - summary.mean), unit)}"


def machine_facts() -> dict[str, str | int | float]:
    """Machine, and number of threads that torch uses."""
    return {**machine(), "threads": torch.get_num_threads()}


def document(bench: Bench[Any, Any], found: Comparison, *, title: str, note: str = "") -> dict[str, Any]:
    """A comparison as one JSON document with everything needed to repeat and to judge it.

    Args:
        bench: Where it was made.
        found: The comparison.
        title: Title of its table.
        note: Sentence under its table.
    """
    head, *body = summary_table(found.rows)
    seeds = sorted({row.seed for row in found.rows if row.plan})
    return {
        "title": title, "date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine_facts(),
        "versions": versions(), "seeds": seeds, "wording": found.wording,
        "base": {"digest": bench.base.digest, **bench.base.record.model_dump(mode="json")},
        "data": {"name": bench.data.name, "digest": bench.data.digest}, "splits": list(found.splits),
        "rows": [_row(row) for row in found.rows], "skipped": dict(found.skipped),
        "floor": {name: spread._asdict() for name, spread in found.floor.items()},
        "summary": {method: {name: s._asdict() for name, s in m.items()} for method, m in summarise(found.rows).items()},
        "table": {"title": title, "columns": head, "rows": body, "note": note},
    }  # fmt: skip


def _row(row: Row) -> dict[str, Any]:
    return {
        "method": row.method, "seed": row.seed, "evaluation": row.evaluation.model_dump(mode="json"),
        "remarks": list(row.remarks), "plan": row.plan.model_dump(mode="json") if row.plan else None,
    }  # fmt: skip
