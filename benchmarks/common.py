"""What the experiments share: data, trained bases kept between runs, and result files with everything needed to judge them."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lorasteer import Base, FitSettings, Workbench, adopt, load_base, load_data, save_base, train_classifier
from lorasteer.session.comparison import machine_facts
from lorasteer.store import versions
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.training import Observer, Progress
from lorasteer.tasks.vision.data import ImageData
from lorasteer.tasks.vision.models import build_model, load_weights
from tests.support.cifar import RESNET20_PREPROCESS, load_cifar10

ROOT = Path(__file__).parent
RESULTS = ROOT / "results"
CACHE = Path(os.environ.get("LORASTEER_BENCH_CACHE", ROOT / ".cache"))
DATA = Path(os.environ.get("LORASTEER_DATA", ROOT.parent.parent / "shared" / "data"))


def mnist() -> ImageData:
    """MNIST with slant and thickness of each image."""
    return load_data(str(DATA / "mnist"))


def cifar10() -> ImageData:
    """CIFAR-10 with the sub-class name of each image."""
    return load_cifar10(DATA / "cifar10")


def say(text: str) -> None:
    """One line of progress with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def told(label: str) -> Any:
    """An observer that prints once an epoch."""

    def observe(progress: Progress) -> None:
        if progress.step % max(1, progress.steps // progress.epochs) == 0:
            say(f"{label}: epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}")

    return observe


@contextmanager
def told_stage(label: str) -> Iterator[Sequence[Observer]]:
    """Progress of a comparison: one line when a piece of work begins."""
    say(label)
    yield ()


def trained(data: ImageData, model: str, settings: FitSettings, seed: int) -> Base:
    """A base of this recipe and seed; trained once and kept."""
    key = hashlib.sha256(f"{data.digest} {model} {settings.digest} {seed}".encode()).hexdigest()[:16]
    folder = CACHE / "bases" / key
    if not (folder / "base.json").is_file():
        observers = [told(f"{model} on {data.name.rpartition('/')[2]}, seed {seed}")]
        checkpoint = folder / "checkpoint.safetensors"
        save_base(train_classifier(data, model, settings, seed=seed, observers=observers, checkpoint=checkpoint), folder)
        checkpoint.unlink(missing_ok=True)
    return load_base(folder)


def resnet20(data: ImageData, *, validation_share: float) -> Base:
    """The published CIFAR-10 ResNet-20 with 91.73 % test accuracy; held-out examples come from the test part."""
    model = build_model("resnet20", len(data.classes), data.shape)
    load_weights(model, DATA / "weights" / "cifar10_resnet20.safetensors")
    return adopt(model, data, name="resnet20", preprocess=RESNET20_PREPROCESS, validation_share=validation_share)


def bench(base: Base, data: ImageData) -> Workbench:
    """A workbench that keeps activations and retrained models between runs."""
    return Workbench(base, data, cache=CACHE)


def write(
    name: str, title: str, data: ImageData | TextData | None, columns: list[str], rows: list[list[str]], note: str, **facts: Any
) -> None:
    """Write one result: a table, and the raw numbers with machine, versions and the digest of the data, if any were used."""
    document = {
        "title": title,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_facts(),
        "versions": versions(),
        "data": data and {"name": data.name.rpartition("/")[2], "digest": data.digest},
        "table": {"title": title, "columns": columns, "rows": rows, "note": note},
        **facts,
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    say(f"wrote {name}.json")


def percent(value: float | None) -> str:
    """A share as per cent with two decimals."""
    return "–" if value is None else f"{100 * value:.2f}"
