"""The early stop: what it keeps, when it ends, and that it puts the best state back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lorasteer.methods.stopping import CHECKS_PER_EPOCH, PATIENCE, Reading, Watch
from lorasteer.tasks.learned import Learned
from lorasteer.tasks.training import Progress


def watch_of(readings: list[Reading], *, floor: float = 0.5) -> tuple[nn.Linear, Watch]:
    """A watch over one number that is read out from a list; the score is the forget accuracy."""
    model, pending = nn.Linear(1, 1, bias=False), iter(readings)
    return model, Watch(Learned.of(model), lambda: next(pending), lambda reading: reading.forget, floor, 1, 10**6)


def walk(model: nn.Linear, watch: Watch, steps: int) -> int:
    """Set the number to the step, look, and stop when told to; how many steps were taken."""
    for step in range(1, steps + 1):
        nn.init.constant_(model.weight, float(step))
        if watch(Progress(step, steps, 1, 1, 0.0)):
            return step
    return steps


def test_best_state_is_put_back_and_a_tie_goes_to_the_later() -> None:
    model, watch = watch_of([Reading(0.9, 1.0), Reading(0.2, 1.0), Reading(0.2, 1.0), Reading(0.6, 1.0)])

    taken = walk(model, watch, 4)
    watch.put_back()

    assert (taken, watch.kept_step, model.weight.item()) == (4, 3, 3.0)


def test_ends_when_the_aim_is_met() -> None:
    model, watch = watch_of([Reading(0.4, 1.0), Reading(0.0, 1.0), Reading(0.0, 1.0)])

    assert walk(model, watch, 3) == 2
    assert watch.reason == "aim reached"


def test_a_dip_heals_but_a_collapse_ends_the_run() -> None:
    patience = PATIENCE * CHECKS_PER_EPOCH
    model, watch = watch_of([Reading(0.9, 0.1)] * (patience - 1) + [Reading(0.9, 0.9)] + [Reading(0.9, 0.1)] * (patience + 5))

    assert walk(model, watch, 3 * patience) == 2 * patience
    assert "collapsed" in watch.reason


def test_a_state_that_is_not_finite_is_never_kept() -> None:
    """An answer of NaN counts as wrong, so on the forget set alone it would look like the best state of all."""
    model, watch = watch_of([Reading(0.9, 1.0), Reading(0.0, 1.0)])
    walk(model, watch, 1)
    nn.init.constant_(model.weight, float("nan"))

    assert not watch(Progress(2, 9, 1, 1, 0.0))
    watch.put_back()
    assert (watch.kept_step, model.weight.item()) == (1, 1.0)


def test_looks_only_when_due() -> None:
    model, watch = watch_of([Reading(0.9, 1.0)])
    watch.every, watch.epoch = 3, 2

    assert walk(model, watch, 2) == 2 or watch.kept_step == 2
    with pytest.raises(StopIteration):
        watch.start()
    assert torch.isfinite(model.weight).all()
