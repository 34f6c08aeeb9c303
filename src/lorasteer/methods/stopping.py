"""When to stop: from both sides. Too little forgetting is no forgetting; too much is a leak of its own.

A `Watch` looks at the model every few steps, remembers the best state so far, asks the loop to stop once the aim is met or the
retained examples suffer, and puts the best state back. It looks at training and held-out examples only, never at the test set.
When a training goes on, so does its watch: what was best so far stays the best until something better comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lorasteer.core.statistics import label_log_odds, rank_auc
from lorasteer.methods.pools import Pool, Pools
from lorasteer.methods.settings import ObjectiveSettings
from lorasteer.records import Plan
from lorasteer.tasks.glance import Reading as Reading
from lorasteer.tasks.learned import Learned
from lorasteer.tasks.prefix import Replay
from lorasteer.tasks.resume import MODEL
from lorasteer.tasks.tensors import Tensors
from lorasteer.tasks.training import Progress

CHECKS_PER_EPOCH = 12
LEAST_STEPS = 4  # between two looks, which cost more than a step of a small forget set
BAND = 0.005  # how near to the accuracy on unseen examples counts as equal
LEAK = 0.04  # how far from 0.5 the area under the membership curve may lie
FLOOR = 0.1  # retained accuracy lost, as a share of the base's, that is taken for a collapse
PATIENCE = 3  # epochs below the floor before the run is given up: with an anchor a dip heals
COLLAPSED = "retained accuracy collapsed; the best state was kept"
_WATCH = "watch."
_SCORE, _BEST = f"{_WATCH}score", f"{_WATCH}best."


@dataclass
class Watch:
    """An observer of the training loop that stops it and keeps the best state.

    Args:
        learned: What learns.
        look: Makes a reading of it.
        score: How far a reading is from the aim; 0 is there. The smallest is kept.
        floor: Retained accuracy below which the model counts as collapsed.
        every: Steps between two looks.
        epoch: Steps of an epoch, which ends with a look, so that a training looks at the same steps whether it was split or not.
        beyond: Whether the aim was met before the first step: then meeting it does not end the training.
        patience: Looks in a row below the floor before the run is given up.
        seen: The latest reading; None before the first.
    """

    learned: Learned
    look: Callable[[], Reading]
    score: Callable[[Reading], float]
    floor: float
    every: int
    epoch: int
    beyond: bool = False
    patience: int = PATIENCE * CHECKS_PER_EPOCH
    reason: str = ""
    kept_step: int = 0
    seen: Reading | None = None
    _below: int = 0
    _best: tuple[float, Tensors] = field(default=(float("inf"), {}))

    def start(self, *, further: bool = False) -> bool:
        """Look at the model before any step; True when the aim is met, so that no step is needed.

        Args:
            further: Whether the training goes on from a change; then the answer is never True.
        """
        met = self._judge(0)
        if further and met:
            self.reason, self.beyond = "", True
        return met and not further

    def __call__(self, progress: Progress) -> bool:
        """Look, every few steps and at the end of each epoch; True stops the loop."""
        due = progress.step % self.every == 0 or progress.step % self.epoch == 0
        return due and self._judge(progress.step)

    def _judge(self, step: int) -> bool:
        if not self.learned.are_finite():  # the loop ends such a run at its next loss; the best state so far is finite
            return False
        reading = self.seen = self.look()
        score = self.score(reading)
        if score <= self._best[0]:  # of equal scores the later one has gone further
            self._best, self.kept_step = (score, self.learned.copy()), step
        self._below = self._below + 1 if reading.retain < self.floor else 0
        if score <= 0 and not self.beyond:
            self.reason = "aim reached"
        elif self._below >= self.patience:
            self.reason = COLLAPSED
        return bool(self.reason)

    def put_back(self) -> None:
        """Give the model its best state."""
        self.learned.restore(self._best[1])

    def pack(self, step: int) -> Tensors:
        """What the watch of a further training needs; the best state only where it is not that of `step`, the last one."""
        score, best = self._best
        counts = {"kept_step": torch.tensor(self.kept_step), "below": torch.tensor(self._below)}
        kept = {f"{_BEST}{name}": value for name, value in best.items()} if self.kept_step != step else {}
        return {_SCORE: torch.tensor(score, dtype=torch.float64), **{f"{_WATCH}{name}": n for name, n in counts.items()}, **kept}

    def recall(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `pack` gave; the best state is the last one where none is packed."""
        prefix = _BEST if any(name.startswith(_BEST) for name in tensors) else MODEL
        best = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        self._best = (float(tensors[_SCORE]), best)
        self.kept_step, self._below = (int(tensors[f"{_WATCH}{name}"]) for name in ("kept_step", "below"))
        self.beyond = self._best[0] <= 0


def make_watch(model: nn.Module, run: Replay, pools: Pools, plan: Plan, settings: ObjectiveSettings) -> Watch:
    """The watch for a plan's aim.

    Args:
        model: The model that learns.
        run: Remembered rows to logits.
        pools: Examples of the run.
        plan: Gives the aim.
        settings: Give the target and what the retained examples may lose.
    """
    base = read(pools, lambda pool: pool.reference)

    def look() -> Reading:
        with torch.no_grad():
            return read(pools, lambda pool: run(pool.fetch(torch.arange(len(pool)))).float())

    def score(now: Reading) -> float:
        lost = max(0.0, base.retain - settings.retain_within - now.retain)
        missed = now.forget - (settings.stop_at or 0.0) * base.forget if plan.aim == "remove" else _mismatch(now, base)
        return max(0.0, missed) + lost

    every = max(LEAST_STEPS, len(pools) // CHECKS_PER_EPOCH)
    return Watch(Learned.of(model), look, score, (1 - FLOOR) * base.retain, every, len(pools))


def read(pools: Pools, said: Callable[[Pool], Tensor]) -> Reading:
    """A reading from what a model says about the pools the stop looks at."""
    judged, watched = said(pools.judged), said(pools.watched)
    shares = _share(judged, pools.judged.labels), _share(watched, pools.watched.labels)
    if pools.unseen is None:
        return Reading(*shares)
    unseen = said(pools.unseen)
    odds = label_log_odds(judged, pools.judged.labels), label_log_odds(unseen, pools.unseen.labels)
    return Reading(*shares, _share(unseen, pools.unseen.labels), rank_auc(*odds))


def _mismatch(now: Reading, base: Reading) -> float:
    """How far forget examples are from unseen ones in accuracy and confidence, and what unseen ones lost; 0 within the band."""
    assert now.unseen is not None
    assert now.membership is not None
    assert base.unseen is not None
    gap = max(0.0, abs(now.forget - base.unseen) - BAND)
    leak = max(0.0, abs(now.membership - 0.5) - LEAK)
    return gap + leak + max(0.0, base.unseen - BAND - now.unseen)


def _share(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(-1) == labels).float().mean().item()
