"""TOFU on a small Llama: every objective forgets the same authors, beside two models that never read of them.

A base of 6 million parameters memorises TOFU's 4,000 answers; the retrained models follow the same recipe without the forget set.
The retrained models set a band for the answer probability and the truth ratio of the forget set. A training ends inside it, or at
a probability alone; then the change takes the strength that comes nearest to the middle of both. Gradient ascent runs as it is,
without anchor and without a stop. Runs are parted over processes (`LORASTEER_BENCH_WORKERS`) and may lie on a GPU
(`LORASTEER_BENCH_DEVICE`); each writes one file, which is not made again. The table has the runs of all machines whose files are
there, each machine's in lines of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import CACHE, say, told
from benchmarks.tofu_recipes import (
    CHOSEN,
    DEVICE,
    FREE,
    LOOKED,
    MODEL,
    OBJECTIVES,
    RECIPE,
    RETRAINED,
    RUNS,
    SEEDS,
    SHARED,
    SOURCE,
    SPLITS,
    STRENGTHS,
    STRIDE,
    WORKERS,
)
from benchmarks.tofu_table import publish
from lorasteer.changes import Change
from lorasteer.core.text_statistics import bootstrap_interval, truth_ratio_forgotten
from lorasteer.evaluation.language.asking import sheet_of
from lorasteer.evaluation.language.collect import answer
from lorasteer.evaluation.language.outputs import TextOutputs
from lorasteer.methods.pools import evenly
from lorasteer.records import Evaluation, Request, Target
from lorasteer.session.comparison import machine_facts
from lorasteer.session.text_bench import TextBench
from lorasteer.store import versions
from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.model import load_language_base, train_language_model
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.language.sources import load_text
from lorasteer.tasks.splits import Index


def trained_base(data: TextData) -> Base:
    """The base; trained once and kept."""
    return learned(data, name_of(data), "base")


def name_of(data: TextData) -> str:
    """Folder of the base; that of a retrained model begins so."""
    return f"tofu-{data.digest[:8]}-{RECIPE.digest[:8]}"


def learned(data: TextData, name: str, label: str, **more: Any) -> Base:
    """A model of the recipe, from its folder where it was trained before; `more` goes to the training."""
    folder = CACHE / "bases" / name
    if not (folder / "base.json").is_file():
        checkpoint = folder / "checkpoint.safetensors"
        base = train_language_model(
            data, RECIPE, model=MODEL, observers=[told(label)], checkpoint=checkpoint, device=DEVICE, **more
        )
        base.model.to("cpu")
        save_base(base, folder)
        checkpoint.unlink(missing_ok=True)
    return load_language_base(folder, device=DEVICE)


def retrained_models(data: TextData, bench: TextBench, split: str) -> list[Base]:
    """Both models that never read the forget set."""
    return [retrained_model(data, bench, split, seed) for seed in RETRAINED]


def retrained_model(data: TextData, bench: TextBench, split: str, seed: int) -> Base:
    """A model that never read the forget set; trained once and kept."""
    splits = bench.translate(asked(split)).splits
    return learned(data, f"{name_of(data)}-{splits.digest[:8]}-{seed}", f"{split}, seed {seed}", seed=seed, without=splits)


def asked(split: str, method: str = "lora-ihl", seed: int = 0, **settings: Any) -> Request:
    """Forget the authors of a split."""
    return Request(target=Target(where=f"{split} == yes"), method=method, seed=seed, intensity=0.5, settings=settings)


def bands(outputs: Sequence[TextOutputs]) -> dict[str, tuple[float, float]]:
    """Where the retrained models lie: from the lowest to the highest end of their 95 % bootstrap intervals."""
    found = {
        "forget": [bootstrap_interval(one.forget.probability) for one in outputs],
        "truth": [bootstrap_interval(truth_ratio_forgotten(one.forget.truth_ratio("loss"))) for one in outputs],
    }
    return {name: (min(low for low, _ in ends), max(high for _, high in ends)) for name, ends in found.items()}


def aims(outputs: Sequence[TextOutputs]) -> dict[str, float]:
    """Settings that stop a training inside the bands, a quarter of their width from the ends."""
    ends = {name: (low + (high - low) / 4, high - (high - low) / 4) for name, (low, high) in bands(outputs).items()}
    return {
        "least_probability": ends["forget"][0], "forget_probability": ends["forget"][1],
        "least_truth_ratio": ends["truth"][0], "most_truth_ratio": ends["truth"][1],
    }  # fmt: skip


def figures(evaluation: Evaluation) -> dict[str, float | None]:
    """The numbers of the table."""
    names = {
        "forget": "forget_probability", "truth": "truth_ratio_loss", "truth_share": "truth_share", "quality": "forget_quality",
        "utility": "model_utility", "retain": "retain_probability", "extraction": "extraction_strength", "seconds": "seconds",
    }  # fmt: skip
    measured = {measurement.name: measurement.value for measurement in evaluation.measurements}
    return {short: measured.get(name) for short, name in names.items()}


def one(bench: TextBench, split: str, label: str, seed: int, retrained: Sequence[Base]) -> dict[str, Any]:
    """A run with everything measured."""
    method, own = OBJECTIVES[label]
    settings = {**SHARED, "stop_at": None, **own}
    if label not in FREE:
        outputs = bench.known(bench.translate(asked(split)), retrained)[1:]
        settings = {**aims(outputs), **settings}
    request = asked(split, method, seed, **settings)
    translation = bench.translate(request)
    change = bench.unlearn(translation)
    if label not in FREE:
        change = change.at(nearest(bench, translation.splits.forget, change, bands(outputs)))
    done = bench.measure(request, translation, change, retrained=retrained)
    notes = change.record.training
    return {
        "split": split, "label": label, "seed": seed, "settings": settings, **figures(done.evaluations[-1]),
        "strength": change.record.strength, "reason": notes.reason, "steps": notes.steps, "kept_step": notes.kept_step,
        "forget_interval": bootstrap_interval(done.outputs.forget.probability),
    }  # fmt: skip


def nearest(bench: TextBench, forget: Index, change: Change, ends: dict[str, tuple[float, float]]) -> float:
    """The strength that brings the forget set nearest to the middle of both bands, in widths of each.

    A part of the set tells where to begin; the whole of it decides, from one strength to the next as long as it gets better.
    """
    sheets = [sheet_of(bench.inputs, bench.data.train.taken(rows)) for rows in (evenly(forget, LOOKED), forget)]

    @cache
    def missed(place: int, sheet: int) -> float:
        network = Network.of(change.apply(bench.base, strength=STRENGTHS[place]))
        said = answer(network, bench.inputs, {"forget": sheets[sheet]})["forget"]
        found = {"forget": said.probability.mean(), "truth": truth_ratio_forgotten(said.truth_ratio("loss")).mean()}
        return max(abs(float(found[name]) - (low + high) / 2) / (high - low) for name, (low, high) in ends.items())

    best = min(range(0, len(STRENGTHS), STRIDE), key=lambda place: missed(place, 0))
    while True:
        around = range(max(0, best - 1), min(len(STRENGTHS), best + 2))
        better = min(around, key=lambda place: (missed(place, 1), abs(STRENGTHS[place] - 1)))
        if better == best:
            return STRENGTHS[best]
        best = better


def file_of(data: TextData, split: str, seed: int, label: str, device: str = DEVICE) -> Path:
    """Where a run with these settings is kept."""
    facts = json.dumps([data.digest, RECIPE.digest, SHARED, OBJECTIVES[label]], sort_keys=True)
    return RUNS / device / f"{split}-{seed}-{label}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}.json"


def todo() -> list[tuple[str, int, str]]:
    """Split, seed and objective of every run that is asked for.

    Raises:
        SystemExit: An objective is unknown.
    """
    unknown = sorted(set(CHOSEN) - set(OBJECTIVES))
    if unknown:
        raise SystemExit(
            f"LORASTEER_BENCH_OBJECTIVES: no objective is called {unknown[0]!r}; choose among {', '.join(OBJECTIVES)}."
        )
    return runs_of(CHOSEN or OBJECTIVES)


def runs_of(labels: Iterable[str]) -> list[tuple[str, int, str]]:
    """Split, seed and objective of all runs of these objectives."""
    return [(split, seed, label) for split in SPLITS for seed in SEEDS for label in labels]


def worker(number: int, of: int) -> None:
    """Carry out every `of`-th run, beginning with `number`."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    data = load_text(SOURCE)
    bench = TextBench(trained_base(data), data, cache=CACHE, suite="full")
    kept: dict[str, list[Base]] = {}
    for split, seed, label in todo()[number::of]:
        file = file_of(data, split, seed, label)
        if file.is_file():
            continue
        if split not in kept:
            kept = {split: retrained_models(data, bench, split)}
        found = one(bench, split, label, seed, kept[split])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found))
        say(f"{split} {label} seed {seed}: forget {found['forget']:.3f}, truth {found['truth']:.3f}, {found['reason']}")


def references(data: TextData) -> dict[str, Any]:
    """Base and retrained models on every split, with the bands."""
    bench, found = TextBench(trained_base(data), data, cache=CACHE, suite="full"), dict[str, Any]()
    for split in SPLITS:
        translation = bench.translate(asked(split))
        retrained = retrained_models(data, bench, split)
        rows = [figures(evaluation) for evaluation in bench.look(translation, retrained=retrained)]
        found[split] = {
            "rows": rows,
            "bands": bands(bench.known(translation, retrained)[1:]),
            "n": len(translation.splits.forget),
        }
    return found


def made() -> dict[str, Any]:
    """What trains and measures here."""
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else "CPU"
    return {"accelerator": name, "machine": machine_facts(), "versions": versions()}


def main() -> None:
    """All runs, then the table."""
    wanted, data = todo(), load_text(SOURCE)
    known = references(data)
    (RUNS / DEVICE).mkdir(parents=True, exist_ok=True)
    (RUNS / DEVICE / "made.json").write_text(json.dumps(made()))
    missing = [run for run in wanted if not file_of(data, *run).is_file()]
    say(f"{len(missing)} of {len(wanted)} runs are to be made")
    command = [sys.executable, "-m", "benchmarks.tofu"]
    workers = [subprocess.Popen([*command, str(number), str(WORKERS)]) for number in range(WORKERS if missing else 0)]
    for process in workers:
        process.wait()
    machines = {file.parent.name: json.loads(file.read_text()) for file in sorted(RUNS.glob("*/made.json"))}
    publish(data, known, machines, list(finished(data, machines)))


def finished(data: TextData, devices: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Runs with the present settings, each with the device that it was made on."""
    for device in devices:
        for run in runs_of(OBJECTIVES):
            file = file_of(data, *run, device)
            if file.is_file():
                yield {"device": device, **json.loads(file.read_text())}


def prepare(split: str, seed: int) -> None:
    """Train one retrained model, for a machine that trains several at once."""
    data = load_text(SOURCE)
    bench = TextBench(trained_base(data), data)
    retrained_model(data, bench, split, seed)


if __name__ == "__main__":
    if sys.argv[1] in SPLITS:
        prepare(sys.argv[1], int(sys.argv[2]))
    else:
        worker(int(sys.argv[1]), int(sys.argv[2]))
