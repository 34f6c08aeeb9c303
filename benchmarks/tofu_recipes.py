"""What the TOFU benchmark runs: the models' recipe, the objectives with their settings, and what the environment chooses."""

from __future__ import annotations

import os
from typing import Any

from benchmarks.common import CACHE, DATA
from lorasteer.tasks.language.models.llama import RECIPE_5M

MODEL = "llama-5m"
SOURCE = f"tofu:{DATA / 'tofu'}?general=yes"
"""The general questions too, so that utility, which asks them, has something to lose."""
SPLITS = tuple(os.environ.get("LORASTEER_BENCH_SPLITS", "forget10,forget05,forget01").split(","))
CHOSEN = tuple(filter(None, os.environ.get("LORASTEER_BENCH_OBJECTIVES", "").split(",")))
"""Objectives to run, by the names of `OBJECTIVES`; all where none is given."""
RECIPE = RECIPE_5M.model_copy(update={"epochs": 16})
"""Of the base and the retrained models alike; half the usual epochs, so that three models can be trained on two cores."""
SEEDS = (0, 1, 2)
RETRAINED = (1000, 1001)
DEVICE = os.environ.get("LORASTEER_BENCH_DEVICE", "cpu")
RUNS = CACHE / "tofu"
"""Finished runs, in a folder for each device."""
WORKERS = int(os.environ.get("LORASTEER_BENCH_WORKERS", "1"))
STRENGTHS = tuple(round(0.5 + 0.025 * step, 3) for step in range(31))
"""Strengths that a finished change is tried at."""
STRIDE = 5
"""Every so manieth of them is tried on a part of the forget set first."""
LOOKED = 100
"""Examples of that part."""
EARLY = ("model.layers.0", "model.layers.1")
"""Modules that are adapted, of four blocks; tried by hand, they left a truth ratio nearer to the retrained models' than all."""
SHARED: dict[str, Any] = {
    "precision": "bf16", "layers": EARLY, "rank": 16, "alpha": 32, "epochs": 12, "batch_size": 16, "retain": 3700,
    "anchor_weight": 5.0, "learning_rate": 1e-3,
}  # fmt: skip
NEARLY: dict[str, Any] = {"forget_probability": 0.011, "most_truth_ratio": None, "retain_within": 0.1}
"""Ends a training a little above the band, whatever the truth ratio: from there a higher strength may bring both into theirs."""
OBJECTIVES: dict[str, tuple[str, dict[str, Any]]] = {
    "IHL + FILA": ("lora-ihl", {"init": "fila", "margin": 1.0, "learning_rate": 5e-4, "epochs": 20, **NEARLY}),
    "IHL": ("lora-ihl", {"margin": 1.0, "learning_rate": 5e-4, "epochs": 20, "forget_probability": 0.011, "retain_within": 0.1}),
    "NPO": ("npo", {"epochs": 16, **NEARLY}),
    "SimNPO": ("simnpo", {"epochs": 16, **NEARLY}),
    "GradDiff": ("grad-diff", {"epochs": 16, **NEARLY}),
    "WGA": ("wga", {"epochs": 16, "most_truth_ratio": None}),
    "SatImp (powers 5, 1)": ("satimp", {"epochs": 16, **NEARLY}),
    "SatImp": ("satimp", {"beta1": 1.0, "beta2": 0.1, "epochs": 16, "most_truth_ratio": None}),
    "UNDIAL": ("undial", {}),
    "RMU": ("rmu", {"rank": 32, "alpha": 64, "epochs": 16, "retain_within": 0.1}),
    "FLAT": ("flat", {"learning_rate": 3e-4}),
    "DPO (refusals)": ("dpo", {}),
    "DPO (wrong answers)": ("dpo", {"alternative": "perturbed"}),
    "gradient ascent": ("lora-ga", {"anchor": "none", "retain": 0, "forget_probability": None, "epochs": 5}),
}
"""What is compared: a name, the method, and what it sets besides `SHARED`."""
FREE = {"gradient ascent"}
"""Runs that no band stops."""
FIGURES = ("forget", "truth", "truth_share", "quality", "utility", "retain", "extraction", "seconds")
