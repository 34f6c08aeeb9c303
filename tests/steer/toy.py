"""A toy data set with class names, sub-class names and a number per example."""

from __future__ import annotations

import numpy as np

from lorasteer.tasks.vision.data import Examples

CLASSES = ("cat", "dog", "fire truck")
SUBNAMES = (("tabby_cat", "domestic_cat"), ("poodle", "beagle"), ("fire_engine", "tanker"))


def examples(part: str, n: int) -> Examples:
    """`n` examples: labels 0 1 2 0 1 2 …, sub-names alternate every three, slant rises from -1 to 1."""
    labels = np.arange(n) % 3
    return Examples(
        images=np.zeros((n, 1, 2, 2), np.uint8),
        labels=labels.astype(np.int64),
        ids=np.array([f"{part}-{i}" for i in range(n)]),
        attributes={
            "subname": np.array([SUBNAMES[label][i // 3 % 2] for i, label in enumerate(labels)]),
            "slant": np.linspace(-1, 1, n),
        },
    )
