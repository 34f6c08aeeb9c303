"""The demonstration: a small network forgets a digit in three ways, and is compared with networks that never saw it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lorasteer.evaluation import Spread
from lorasteer.export import adapter_difference, export_adapter, write_report
from lorasteer.records import Evaluation, Request, Snapshot, Target
from lorasteer.session.comparison import Stage, unwatched
from lorasteer.session.keeping import snapshot
from lorasteer.session.workbench import Round, Workbench, retrain_seeds
from lorasteer.store import write_run
from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.vision.classifier import inputs_for, load_base, train_classifier
from lorasteer.tasks.vision.models import recipe_for
from lorasteer.tasks.vision.sources import load_data

MODEL = "paper-cnn"
INTENSITY = 0.75
LABELS = {"logit-mask": "logit-mask", "lora-ga": "LoRA+GA", "lora-ihl": "LoRA+IHL"}
"""Methods in the order of the table, and what the table calls them."""
KEPT = "lora-ihl"
PARTS = ("base", "cache", "run", "adapter")
"""What the folder of a demonstration holds."""


@dataclass(frozen=True)
class Demo:
    """What the demonstration made.

    Args:
        evaluations: Rows of its table: baseline, retrained models, methods.
        floor: Spread between the retrained models.
        kept: Record of the round that is kept.
        folder: Where everything lies: `base`, `run` and `adapter`.
        difference: Largest difference of a logit between stock PEFT with the exported adapter and the model measured here.
    """

    evaluations: tuple[Evaluation, ...]
    floor: dict[str, Spread]
    kept: Snapshot
    folder: Path
    difference: float


def demo(folder: Path, *, forget: str = "7", seed: int = 0, stage: Stage = unwatched) -> Demo:
    """Train, forget, compare, export.

    Args:
        folder: Where to write; a base and retrained models that lie there are used again.
        forget: The digit.
        seed: Seed of base and requests.
        stage: Told of each piece of work.

    Raises:
        RequestError: There is no such digit.
        StoreError: The folder cannot be written.
    """
    bench = _bench(folder, seed, stage)
    requests = {name: Request(target=Target(classes=(forget,)), intensity=INTENSITY, method=name, seed=seed) for name in LABELS}
    splits = bench.translate(requests[KEPT]).splits
    retrained = []
    for number in retrain_seeds(seed, 2):
        with stage(f"retrained model, seed {number}") as observers:
            retrained.append(bench.retrain(splits, seed=number, observers=observers))
    rounds = {name: _round(bench, request, retrained, stage) for name, request in requests.items()}
    evaluations = (*rounds[KEPT].evaluations[:-1], *(rounds[name].now for name in LABELS))
    kept, difference = _take_away(bench, rounds[KEPT], folder)
    return Demo(tuple(map(_labelled, evaluations)), rounds[KEPT].floor, kept, folder, difference)


def _bench(folder: Path, seed: int, stage: Stage) -> Workbench:
    data, place = load_data("digits"), folder / "base"
    if (place / "base.json").is_file():
        return Workbench(load_base(place), data, folder / "cache")
    with stage("base model") as observers:
        base = train_classifier(
            data,
            MODEL,
            recipe_for(MODEL, len(data.train)),
            seed=seed,
            observers=observers,
            checkpoint=place / "checkpoint.safetensors",
        )
    save_base(base, place)
    (place / "checkpoint.safetensors").unlink(missing_ok=True)
    return Workbench(base, data, folder / "cache")


def _round(bench: Workbench, request: Request, retrained: list[Base], stage: Stage) -> Round:
    with stage(LABELS[request.method]) as observers:
        return bench.run(request, retrained=retrained, observers=observers)


def _labelled(evaluation: Evaluation) -> Evaluation:
    label = {"base": "baseline", **LABELS}.get(evaluation.subject, evaluation.subject)
    return evaluation.model_copy(update={"subject": label})


def _take_away(bench: Workbench, done: Round, folder: Path) -> tuple[Snapshot, float]:
    """Keep the round, export its adapter, and load that with stock PEFT."""
    kept = snapshot(bench, done, folder / "base")
    write_run(kept, done.change, folder / "run")
    export_adapter(done.change, folder / "adapter")
    write_report(kept, folder / "adapter")
    pixels = inputs_for(bench.base, bench.data).batch("test", np.arange(len(bench.data.test)))
    return kept, adapter_difference(done.change, bench.base, folder / "adapter", pixels)
