"""How hard a request will be, before it is run: where its examples lie, how the last layer holds them, how many they are.

Two things make forgetting hard (Zhao et al., NeurIPS 2024, arXiv:2406.01257): examples that lie among retained ones in the space
of features, so that what removes the one harms the other, and examples that were learned by heart more than others. A third is
size. All is measured on the base's own features, without training but of last layers, in seconds; so what the network itself has
memorised is seen only as far as it shows there. The label follows from a written rule (`rule`); it is a forecast, not a finding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lorasteer.core.separation import neighbour_separation
from lorasteer.evaluation.audit.readings import Readings
from lorasteer.evaluation.audit.worst_case import (
    WorstCaseSettings,
    memorised_by_head,
    ranked_sets,
    still_known,
    worst_case_set,
)
from lorasteer.records import Measurement
from lorasteer.records.difficulty import Difficulty, DifficultyLabel
from lorasteer.tasks.material import Material
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.splits import Index

READ = 2000  # forget, and retained, examples at most
COMPARED = 500  # forget examples whose neighbours are looked for
APART, MIXED = 0.9, 0.5
"""Separation above which forget and retained examples lie apart, and below which they are mixed."""
BY_HEART = 0.3
"""Standard deviations of memorisation more than retained examples from which a forget set counts as learned by heart."""
LARGE, SMALL = 0.3, 0.15
"""Share of the training examples above which a request is large, and below which it is small."""


@dataclass(frozen=True)
class _Evidence:
    share: float
    separation: float
    memorised: float
    """Forget examples' mean memorisation minus the retained ones'."""


def difficulty_of(material: Material, *, seed: int = 0) -> Difficulty:
    """Say how hard it will be to forget the forget set of a material.

    Args:
        material: Base, examples and splits; remembered activations are used.
        seed: Of samples, halves and training.

    Raises:
        PlanError: The model does not end in a linear layer with a bias.
    """
    splits = material.splits
    forget, retain = (_drawn(index, READ, seed) for index in (splits.forget, splits.retain))
    readings = _read(material, np.concatenate([forget, retain]))
    mine, others = torch.arange(len(forget)), torch.arange(len(forget), len(readings))
    memory = memorised_by_head(readings, seed=seed)
    count = min(len(forget), len(readings) // 4)
    sets = {
        "requested": mine[torch.randperm(len(mine), generator=torch.Generator().manual_seed(seed))[:count]],
        **sets_of_size(readings, count, memory, seed=seed),
    }
    known = still_known(readings, sets, seed=seed)
    share = len(splits.forget) / (len(splits.forget) + len(splits.retain))
    memorised = float(memory[mine].mean() - memory[others].mean())
    found = _Evidence(share, _separation(readings, mine, others, share, seed), memorised)
    label, because = rule(found.share, found.separation, found.memorised)
    return Difficulty(
        label=label, because=because, measurements=(*_measured(found, len(forget)), *_known(known, count)),
        splits=splits.digest, base=material.base.digest,
    )  # fmt: skip


def rule(share: float, separation: float, memorised: float) -> tuple[DifficultyLabel, tuple[str, ...]]:
    """The label and what decided it: one hard thing makes a request hard, all easy ones make it easy.

    Args:
        share: Of the training examples, 0 … 1.
        separation: Of forget and retained examples, at most 1.
        memorised: Standard deviations by which forget examples are memorised more than retained ones.

    Example:
        >>> rule(0.1, 0.95, 0.0)[0], rule(0.1, 0.7, 0.0)[0], rule(0.1, 0.1, 0.0)[0]
        ('easy', 'usual', 'hard')
    """
    hard = [
        (separation < MIXED, f"Its examples lie among retained ones (separation {separation:.2f}, mixed below {MIXED})."),
        (memorised > BY_HEART, f"Its examples are learned by heart (by {memorised:.2f} deviations more than retained ones)."),
        (share > LARGE, f"It is {share:.0%} of the training examples."),
    ]
    against = tuple(reason for is_so, reason in hard if is_so)
    if against:
        return "hard", against
    easy = separation >= APART and share <= SMALL
    words = (
        f"Separation from retained examples is {separation:.2f} (apart from {APART}, mixed below {MIXED}).",
        f"It is {share:.1%} of the training examples (small up to {SMALL:.0%}, large above {LARGE:.0%}).",
        f"Its examples are memorised by {memorised:.2f} deviations more than retained ones (by heart above {BY_HEART}).",
    )
    return ("easy" if easy else "usual"), words


def sets_of_size(readings: Readings, count: int, memory: torch.Tensor | None = None, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """Sets of one size to compare a request with: hardest, easiest, most and least memorised, and drawn by lot.

    Args:
        readings: All examples.
        count: Size of each set.
        memory: Memorisation of each example, where it is known.
        seed: Of the search and the lot.

    Returns:
        Places in `readings` by name.
    """
    every, settings = torch.arange(len(readings)), WorstCaseSettings()
    memory = memorised_by_head(readings, seed=seed) if memory is None else memory
    by_memory = ranked_sets(memory, every, count)
    lot = torch.randperm(len(readings), generator=torch.Generator().manual_seed(seed + 1))[:count]
    return {
        "hardest": worst_case_set(readings, every, count, settings, aim="hardest", seed=seed),
        "easiest": worst_case_set(readings, every, count, settings, aim="easiest", seed=seed),
        "most_memorised": by_memory["most"], "least_memorised": by_memory["least"], "random": lot.sort().values,
    }  # fmt: skip


def _drawn(index: Index, count: int, seed: int) -> Index:
    if len(index) <= count:
        return index
    return np.sort(np.random.default_rng(seed).choice(index, count, replace=False))


def _read(material: Material, index: Index) -> Readings:
    base = material.base
    features = material.glance(base.model, "train", index, layers=classifier_head(base.model)).features
    return Readings.of(base, features, material.inputs.labels("train", index).long())


def _separation(readings: Readings, mine: torch.Tensor, others: torch.Tensor, share: float, seed: int) -> float:
    """In the proportion in which they occur, so that a half of a class is not apart from its other half."""
    count = min(COMPARED, len(mine), max(2, round(len(others) * share / (1 - share))))
    if count < 2:
        return 0.0
    one = mine[torch.randperm(len(mine), generator=torch.Generator().manual_seed(seed))[:count]]
    lot = torch.randperm(len(others), generator=torch.Generator().manual_seed(seed))
    other = others[lot[: max(1, round(count * (1 - share) / share))]]
    return neighbour_separation(readings.features[one], readings.features[other])


def _measured(found: _Evidence, n: int) -> tuple[Measurement, ...]:
    return (
        Measurement(
            name="request_share", value=found.share, unit="share", n=n, better="none", low=0, high=1,
            note="of the training examples",
        ),
        Measurement(
            name="separation", value=found.separation, unit="share", n=min(n, COMPARED), better="none", high=1,
            note="of nearest neighbours that are forget examples as well, beyond chance: 1 apart, 0 mixed",
        ),
        Measurement(
            name="memorised_more", value=found.memorised, unit="deviations", n=n, better="none",
            note="by which training on a forget example raises confidence in it, more than for retained ones; last layer only",
        ),
    )  # fmt: skip


def _known(known: dict[str, float], count: int) -> tuple[Measurement, ...]:
    """What a last layer trained anew without a set still knows of it, for the request and for sets of its size."""
    return tuple(
        Measurement(
            name=f"still_known_{name}", value=value, unit="share", n=count, better="none", low=0, high=1,
            note="accuracy of a last layer retrained without these examples: what forgetting cannot and need not remove",
        )
        for name, value in known.items()
    )  # fmt: skip
