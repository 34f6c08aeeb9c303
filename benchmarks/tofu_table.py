"""The table of the TOFU benchmark: objectives beside base and retrained models, each machine's runs in lines of their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.common import write
from benchmarks.tofu_recipes import FIGURES, FREE, OBJECTIVES, RECIPE, RETRAINED, SHARED, SPLITS, STRENGTHS
from lorasteer.tasks.language.data import TextData


def publish(data: TextData, known: dict[str, Any], machines: dict[str, dict[str, Any]], runs: list[dict[str, Any]]) -> None:
    """Write the result, with the machines and the versions that made the runs."""
    rows = []
    for split in SPLITS:
        reference = known[split]
        for name, row in zip(("base", *(f"retrained, seed {seed}" for seed in RETRAINED)), reference["rows"], strict=True):
            rows.append([split, name, "–", *_cells([row]), "–", "–"])
        for label, device in itertools.product(OBJECTIVES, machines):
            mine = [run for run in runs if (run["split"], run["label"], run["device"]) == (split, label, device)]
            seeds = ", ".join(str(run["seed"]) for run in mine)
            if mine:
                name = f"{label} ({machines[device]['accelerator']})"
                rows.append([split, name, seeds, *_cells(mine), _inside(mine, reference), _kept(mine, reference)])
    columns = [
        "forget set", "", "seeds", "forget probability", "truth ratio", "truth share", "forget quality", "utility", "retain",
        "extraction", "seconds", "in both bands", "utility ≥ 95 %",
    ]  # fmt: skip
    words = "; ".join(
        f"{split}: probability {known[split]['bands']['forget'][0]:.4f} to {known[split]['bands']['forget'][1]:.4f}, truth ratio "
        f"{known[split]['bands']['truth'][0]:.3f} to {known[split]['bands']['truth'][1]:.3f} (n {known[split]['n']})"
        for split in SPLITS
    )
    note = (
        "Mean ± largest distance over the seeds. The bands run from the lowest to the highest end of the 95 % bootstrap "
        f"intervals of two retrained models. {words}. A training ends when it finds examples to forget inside the bands, but for "
        f"these: {ended()}. Its change then takes the strength of {STRENGTHS[0]} to {STRENGTHS[-1]} that "
        "comes nearest to the middle of both on the forget set. Settings were sought on forget10, with the same seeds. Truth "
        "ratio and utility in loss space. Base and retrained models learned TOFU's questions about real authors and the world, "
        f"too, in the place of a pretraining, by one recipe of {RECIPE.epochs} epochs. Several runs at once, so seconds are "
        "upper bounds. Gradient ascent: five epochs, without anchor or stop."
    )
    write("tofu", "TOFU on a Llama of 6 million parameters", None, columns, rows, note, runs=runs, references=known,
          shared=SHARED, data_digest=data.digest, made=machines)  # fmt: skip


def ended() -> str:
    """Which trainings end elsewhere than in the bands, and where."""
    ends: dict[str, list[str]] = {}
    for label, (_, own) in OBJECTIVES.items():
        if label in FREE or not own.keys() & {"forget_probability", "most_truth_ratio"}:
            continue
        probability, truth = own.get("forget_probability", "the band's end"), own.get("most_truth_ratio", "the band's end")
        ends.setdefault(f"{probability}" + (f" and a truth ratio of {truth}" if truth is not None else ""), []).append(label)
    return "; ".join(f"{', '.join(labels)} at a probability of {end}" for end, labels in ends.items())


def _cells(runs: Sequence[dict[str, Any]]) -> list[str]:
    return [_spread([run[name] for run in runs]) for name in FIGURES]


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    mean = float(np.mean(known))
    short = f"{mean:.1e}" if 0 < abs(mean) < 1e-3 else f"{mean:.4f}" if abs(mean) < 0.1 else f"{mean:.3f}"
    return short if len(known) == 1 else f"{short} ± {max(abs(value - mean) for value in known):.1g}"


def _inside(runs: Sequence[dict[str, Any]], reference: dict[str, Any]) -> str:
    ends = reference["bands"]
    hits = [all(ends[name][0] <= run[name] <= ends[name][1] for name in ("forget", "truth")) for run in runs]
    return f"{sum(hits)} of {len(hits)}"


def _kept(runs: Sequence[dict[str, Any]], reference: dict[str, Any]) -> str:
    least = 0.95 * reference["rows"][0]["utility"]
    return f"{sum((run['utility'] or 0.0) >= least for run in runs)} of {len(runs)}"
