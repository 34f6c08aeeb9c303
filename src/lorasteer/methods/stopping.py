"""When to stop: from both sides. Too little forgetting is no forgetting; too much is a leak of its own.

A `Watch` looks at the model every few steps, remembers the best state so far, asks the loop to stop once the aim is met or the
retained examples suffer, and puts the best state back. It looks at training and held-out examples only, never at the test set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lorasteer.core.statistics import label_log_odds, rank_auc
from lorasteer.methods.objective import Pools
from lorasteer.methods.settings import ObjectiveSettings
from lorasteer.records import Plan
from lorasteer.tasks.prefix import Replay, Rows
from lorasteer.tasks.tensors import Tensors
from lorasteer.tasks.training import Progress, restore, snapshot

CHECKS_PER_EPOCH = 2
SEEN = 1000  # forget examples, and held-out examples, that a check looks at, at most
BAND = 0.005  # how near to unseen examples' accuracy counts as equal
FLOOR = 0.1  # retained accuracy lost, as a share of the base's, that is taken for a collapse
PATIENCE = 6  # looks in a row below the floor before the run is given up: with an anchor a dip heals


@dataclass(frozen=True)
class Reading:
    """What one check saw: shares of right answers, and how well confidence tells forget from unseen examples (0.5: not at all)."""

    forget: float
    retain: float
    unseen: float | None = None
    membership: float | None = None


@dataclass
class Watch:
    """An observer of the training loop that stops it and keeps the best state.

    Args:
        model: The model that learns.
        look: Makes a reading of it.
        score: How far a reading is from the aim; 0 is there. The smallest is kept.
        floor: Retained accuracy below which the model counts as collapsed.
        every: Steps between two looks.
    """

    model: nn.Module
    look: Callable[[], Reading]
    score: Callable[[Reading], float]
    floor: float
    every: int
    reason: str = ""
    kept_step: int = 0
    _below: int = 0
    _best: tuple[float, Tensors] = field(default=(float("inf"), {}))

    def start(self) -> bool:
        """Look at the untouched model; True when the aim is met before any step."""
        return self._judge(0)

    def __call__(self, progress: Progress) -> bool:
        """Look, every few steps and after the last one; True stops the loop."""
        due = progress.step % self.every == 0 or progress.step == progress.steps
        return due and self._judge(progress.step)

    def _judge(self, step: int) -> bool:
        reading = self.look()
        score = self.score(reading)
        if score <= self._best[0]:  # of equal scores the later one has gone further
            self._best, self.kept_step = (score, snapshot(self.model)), step
        self._below = self._below + 1 if reading.retain < self.floor else 0
        if score <= 0:
            self.reason = "aim reached"
        elif self._below >= PATIENCE:
            self.reason = "retained accuracy collapsed; the best state was kept"
        return bool(self.reason)

    def put_back(self) -> None:
        """Give the model its best state."""
        restore(self.model, self._best[1])


def make_watch(
    model: nn.Module, run: Replay, pools: Pools, unseen: tuple[Rows, Tensor], plan: Plan, settings: ObjectiveSettings
) -> Watch:
    """The watch for a plan's aim.

    Args:
        model: The model that learns.
        run: Remembered rows to logits.
        pools: Examples of the run.
        unseen: Rows and labels of held-out examples.
        plan: Gives the aim.
        settings: Give the target and what the retained examples may lose.
    """
    mostly = torch.nonzero(pools.forget.weights >= 0.5).reshape(-1)[:SEEN]
    chosen = mostly if len(mostly) else torch.arange(min(SEEN, len(pools.forget)))
    everything = torch.arange(len(pools.watched))
    labels = pools.forget.labels[chosen]

    def look() -> Reading:
        with torch.no_grad():
            forget = run(pools.forget.fetch(chosen)).float()
            reading = Reading(_share(forget, labels), _share(run(pools.watched.fetch(everything)), pools.watched.labels))
            return reading if plan.aim == "remove" else _beside_unseen(reading, forget, labels, run(unseen[0]).float(), unseen[1])

    base = _share(pools.forget.reference[chosen], labels)
    kept = _share(pools.watched.reference, pools.watched.labels)

    def score(reading: Reading) -> float:
        lost = max(0.0, kept - settings.retain_within - reading.retain)
        missed = reading.forget - (settings.stop_at or 0.0) * base if plan.aim == "remove" else _mismatch(reading)
        return max(0.0, missed) + lost

    return Watch(model, look, score, (1 - FLOOR) * kept, max(1, len(pools) // CHECKS_PER_EPOCH))


def _beside_unseen(reading: Reading, forget: Tensor, labels: Tensor, outside: Tensor, outside_labels: Tensor) -> Reading:
    scores = label_log_odds(forget, labels), label_log_odds(outside, outside_labels)
    return Reading(reading.forget, reading.retain, _share(outside, outside_labels), rank_auc(*scores))


def _mismatch(reading: Reading) -> float:
    """How far forget examples are from unseen ones, in accuracy and in confidence; 0 within the band."""
    assert reading.unseen is not None and reading.membership is not None
    gap = max(0.0, abs(reading.forget - reading.unseen) - BAND)
    return gap + max(0.0, abs(reading.membership - 0.5) - 2 * BAND)


def _share(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(-1) == labels).float().mean().item()
