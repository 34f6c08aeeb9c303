"""A training that goes on in memory gives the bits of one that never ended, wherever it was left."""

from __future__ import annotations

import pytest
import torch

from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.tensors import Tensors, digest_of
from lorasteer.tasks.training import FitReport, FitSettings, Progress
from tests.tasks.test_training import KINDS, STEPS, network, run

CONSTANT = [settings for settings in KINDS if settings.schedule == "constant"]
each_kind = pytest.mark.parametrize("settings", CONSTANT, ids=["momentum", "adamw"])


def epochs(settings: FitSettings, count: int) -> FitSettings:
    return settings.model_copy(update={"epochs": count})


def go_on(model: torch.nn.Module, settings: FitSettings, resume: Tensors, count: int) -> FitReport:
    return run(model, epochs(settings, count), resume=resume, resumable=True)


@each_kind
def test_two_runs_of_two_epochs_are_one_of_four(settings: FitSettings) -> None:
    whole, halves = network(), network()
    wanted = run(whole, epochs(settings, 4), resumable=True)
    first = run(halves, epochs(settings, 2), resumable=True)
    second = go_on(network(), settings, first.resume, 2)
    assert weights_digest(whole) != weights_digest(halves)
    assert digest_of(second.resume) == digest_of(wanted.resume)
    assert (second.steps, second.kept_step, second.losses) == (wanted.steps, wanted.kept_step, wanted.losses)


@each_kind
@pytest.mark.parametrize("step", [1, STEPS - 1, STEPS, STEPS + 2, 3 * STEPS])
def test_left_at_any_step_and_gone_on_is_never_left(settings: FitSettings, step: int) -> None:
    """Left at step 1 of epoch 1 and gone on for 3 epochs: the first whole epoch is still the first."""
    whole, left, again = network(), network(), network()
    wanted = run(whole, epochs(settings, 4), resumable=True)
    stopped = run(left, epochs(settings, 4), resumable=True, observers=(lambda progress: progress.step == step,))
    assert (stopped.reason, stopped.steps) == ("stopped", step)
    report = go_on(again, settings, stopped.resume, 4 - step // STEPS)
    assert weights_digest(again) == weights_digest(whole)
    assert report.steps == wanted.steps == 4 * STEPS


def test_observers_hear_the_counts_of_the_whole_training() -> None:
    told: list[Progress] = []
    first = run(network(), epochs(CONSTANT[0], 1), resumable=True)
    run(network(), epochs(CONSTANT[0], 2), resume=first.resume, observers=(told.append,))
    assert [(p.step, p.epoch) for p in told] == [(step, 1 + (step - 1) // STEPS) for step in range(STEPS + 1, 3 * STEPS + 1)]
    assert {(p.steps, p.epochs) for p in told} == {(3 * STEPS, 3)}


@each_kind
def test_what_was_kept_is_not_written_to(settings: FitSettings) -> None:
    first = run(network(), epochs(settings, 1), resumable=True)
    before = digest_of(first.resume)
    again = [go_on(network(), settings, first.resume, 2) for _ in range(2)]
    assert digest_of(first.resume) == before
    assert digest_of(again[0].resume) == digest_of(again[1].resume) != before


def test_nothing_is_kept_unasked_or_of_a_training_that_broke() -> None:
    assert run(network()).resume == {}
    broken = epochs(CONSTANT[0].model_copy(update={"learning_rate": 1e38}), 3)
    report = run(network(), broken, resumable=True)
    assert report.reason == "diverged"
    assert report.resume == {}
