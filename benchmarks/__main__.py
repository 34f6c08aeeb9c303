"""Run experiments by name: `python -m benchmarks table1-mnist speed`; all of them when none is named."""

from __future__ import annotations

import sys

from benchmarks import (
    audit,
    browser,
    calibration,
    goal,
    pretrained,
    scatter,
    speed,
    steering,
    table1,
    text_evaluation,
    text_large,
    text_speed,
    tofu,
    vocabulary,
)

EXPERIMENTS = {
    "table1-mnist": table1.main,
    "table1-cifar10": table1.main_cifar10,
    "speed": speed.main,
    "cat": pretrained.main_cat,
    "random-mnist": pretrained.main_random_mnist,
    "random-cifar10": pretrained.main_random_cifar10,
    "slant": pretrained.main_slant,
    "directions": pretrained.main_directions,
    "goal": goal.main,
    "calibration": calibration.main,
    "steering": steering.main,
    "scatter": scatter.main,
    "browser": browser.main,
    "tofu": tofu.main,
    "text-evaluation": text_evaluation.main,
    "text-speed": text_speed.main,
    "text-large": text_large.main,
    "vocabulary": vocabulary.main,
    "audit-mnist": audit.main,
    "audit-cifar10": audit.main_cifar10,
    "audit-facts": audit.main_facts,
}


def main(names: list[str]) -> int:
    """Run the named experiments in their order."""
    unknown = [name for name in names if name not in EXPERIMENTS]
    if unknown:
        print(f"unknown experiment {unknown[0]!r}; allowed: {', '.join(EXPERIMENTS)}.", file=sys.stderr)
        return 2
    for name in names or list(EXPERIMENTS):
        EXPERIMENTS[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
