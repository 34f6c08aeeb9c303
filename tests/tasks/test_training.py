"""The training loop: same seed same bits, interrupted and resumed same bits, observers, and a loss that breaks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lorasteer.errors import Interrupted
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.learned import Learned
from lorasteer.tasks.training import FitReport, FitSettings, Observer, Progress, fit, schedule

EPOCHS = 3
STEPS = 4  # per epoch
SETTINGS = FitSettings(epochs=EPOCHS, batch_size=8, precision="fp32")
KINDS = [
    SETTINGS.model_copy(update={"optimizer": "sgd", "learning_rate": 0.05}),
    SETTINGS.model_copy(update={"optimizer": "sgd", "learning_rate": 0.05, "schedule": "one-cycle", "weight_decay": 0.01}),
    SETTINGS.model_copy(update={"optimizer": "adamw", "learning_rate": 0.02, "clip_norm": 0.5, "weight_decay": 0.1}),
]


@dataclass
class Points:
    """Noisy points of two classes in a new order each epoch."""

    seen: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return STEPS

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(8 * STEPS, generator=generator)
        for places in order.split(8):
            self.seen += places.tolist()
            labels = places % 2
            yield labels[:, None] + 0.3 * torch.randn(8, 3, generator=generator), labels


def network(seed: int = 0) -> nn.Module:
    """Everything that makes resuming hard: dropout, BatchNorm statistics, a frozen part."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 2))
    model[0].bias.requires_grad_(False)
    return model.train()


def run(
    model: nn.Module, settings: FitSettings = SETTINGS, *, observers: tuple[Observer, ...] = (), seed: int = 5, **rest: Any
) -> FitReport:
    return fit(model, Points(), loss_of(model), settings, seed=seed, observers=observers, **rest)


def loss_of(model: nn.Module) -> Callable[[tuple[Tensor, Tensor]], Tensor]:
    return lambda batch: nn.functional.cross_entropy(model(batch[0]), batch[1])


def stop_at(step: int) -> Observer:
    """Ctrl-C after that step."""

    def press(progress: Progress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    return press


@pytest.mark.parametrize("settings", KINDS, ids=["momentum", "one-cycle", "adamw"])
def test_same_seed_same_bits(settings: FitSettings) -> None:
    first, second, other = network(), network(), network()
    report = run(first, settings)
    torch.randn(100)  # whatever else draws numbers meanwhile
    assert run(second, settings).losses == report.losses
    assert weights_digest(first) == weights_digest(second)
    run(other, settings, seed=6)
    assert weights_digest(other) != weights_digest(first)
    assert (report.steps, report.kept_step, report.reason) == (EPOCHS * STEPS, EPOCHS * STEPS, "finished")
    assert report.losses[-1] < report.losses[0]


def test_the_random_state_of_the_process_and_frozen_parameters_are_left_alone() -> None:
    model = network()
    bias, state = model[0].bias.clone(), torch.get_rng_state()
    run(model)
    assert torch.get_rng_state().equal(state)
    assert model[0].bias.equal(bias)


@pytest.mark.parametrize("settings", KINDS, ids=["momentum", "one-cycle", "adamw"])
@pytest.mark.parametrize("step", [1, STEPS, STEPS + 2, 2 * STEPS, EPOCHS * STEPS])
def test_interrupted_and_resumed_gives_the_bits_of_an_uninterrupted_run(settings: FitSettings, step: int, tmp_path: Path) -> None:
    whole, path = network(), tmp_path / "checkpoint.safetensors"
    wanted = run(whole, settings)
    broken = network()
    with pytest.raises(Interrupted, match="Run the same command again"):
        run(broken, settings, observers=(stop_at(step),), checkpoint=path)
    assert path.is_file() == (step > STEPS)  # the epochs before the one that was stopped
    resumed = network()
    report = run(resumed, settings, checkpoint=path)
    assert weights_digest(resumed) == weights_digest(whole)
    assert (report.losses, report.steps) == (wanted.losses, wanted.steps)


def test_the_time_of_the_run_that_was_interrupted_counts(tmp_path: Path) -> None:
    path, slow = tmp_path / "checkpoint.safetensors", 0.3

    def wait(progress: Progress) -> None:
        if progress.step == 1:
            time.sleep(slow)

    with pytest.raises(Interrupted):
        run(network(), observers=(wait, stop_at(STEPS + 1)), checkpoint=path)
    assert run(network(), checkpoint=path).seconds >= slow


def test_interrupted_twice_still_gives_the_same_bits(tmp_path: Path) -> None:
    whole, path = network(), tmp_path / "checkpoint.safetensors"
    run(whole)
    for step in (STEPS + 1, 2 * STEPS + 3):
        with pytest.raises(Interrupted):
            run(network(), observers=(stop_at(step),), checkpoint=path)
    last = network()
    run(last, checkpoint=path)
    assert weights_digest(last) == weights_digest(whole)


def test_without_a_checkpoint_ctrl_c_passes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(network(), observers=(stop_at(2),))


def test_a_finished_checkpoint_trains_nothing_more(tmp_path: Path) -> None:
    model, path, steps = network(), tmp_path / "checkpoint.safetensors", []
    run(model, checkpoint=path)
    again = network()
    report = run(again, checkpoint=path, observers=(lambda progress: steps.append(progress.step),))
    assert steps == []
    assert report.steps == EPOCHS * STEPS
    assert weights_digest(again) == weights_digest(model)


@pytest.mark.parametrize(
    "other",
    [
        {"settings": SETTINGS.model_copy(update={"learning_rate": 2e-3})},
        {"seed": 6},
        {"model": network(1)},
        {"identity": "other data"},
    ],
    ids=["settings", "seed", "start", "data"],
)
def test_a_checkpoint_of_another_run_is_ignored(other: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Interrupted):
        run(other.pop("model", network()), observers=(stop_at(2 * STEPS + 1),), checkpoint=path, **{"identity": "data", **other})
    alone, beside = network(), network()
    run(alone)
    run(beside, checkpoint=path, identity="data")
    assert weights_digest(beside) == weights_digest(alone)


@pytest.mark.parametrize("broken", [1, 3, STEPS + 1, 2 * STEPS, EPOCHS * STEPS])
def test_a_loss_that_is_not_finite_ends_at_the_last_state_whose_loss_was(broken: int) -> None:
    """The loss of step k comes from the weights after k - 1 steps; the last it was finite for are those after k - 2."""
    model, states = network(), [Learned.of(network()).copy()]
    count = [0]

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        count[0] += 1
        value = loss_of(model)(batch)
        return value * math.nan if count[0] == broken else value

    def keep(progress: Progress) -> None:
        states.append(Learned.of(model).copy())

    report = fit(model, Points(), loss, SETTINGS, seed=5, observers=(keep,))
    assert report.reason == "diverged"
    assert (report.steps, report.kept_step) == (broken - 1, max(0, broken - 2))
    kept, wanted = Learned.of(model).parameters, states[report.kept_step]
    assert all(tensor.equal(wanted[name]) for name, tensor in kept.items())


@pytest.mark.parametrize("broken", [1, 3, STEPS, EPOCHS * STEPS])
@pytest.mark.parametrize("limit", [0, 10**6], ids=["large model", "small model"])
def test_a_gradient_that_is_not_finite_leaves_finite_weights(broken: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of step k is finite, its gradient is not (the root of zero)."""
    monkeypatch.setattr("lorasteer.tasks.training.SNAPSHOT_EVERY_STEP", limit)
    model, count = network(), [0]

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        count[0] += 1
        weight = model[4].weight
        extra = (weight - weight.detach()).square().sum().sqrt() if count[0] == broken else 0.0
        return loss_of(model)(batch) + extra

    report = fit(model, Points(), loss, SETTINGS, seed=5)
    assert report.reason == "diverged"
    assert report.kept_step < broken
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_observers_are_told_of_every_step() -> None:
    told: list[Progress] = []
    run(network(), observers=(told.append,))
    assert [(p.step, p.epoch) for p in told] == [(step, 1 + (step - 1) // STEPS) for step in range(1, EPOCHS * STEPS + 1)]
    assert {(p.steps, p.epochs) for p in told} == {(EPOCHS * STEPS, EPOCHS)}
    assert all(math.isfinite(p.loss) for p in told)


def test_any_observer_may_stop_and_all_hear_of_that_step() -> None:
    heard: list[int] = []
    report = run(network(), observers=(lambda p: p.step == 3, lambda p: heard.append(p.step)))
    assert (report.reason, report.steps, report.kept_step) == ("stopped", 3, 3)
    assert heard == [1, 2, 3]


def test_a_caller_who_takes_no_gradients_may_train() -> None:
    whole, inside = network(), network()
    run(whole)
    with torch.no_grad():
        run(inside)
    assert weights_digest(inside) == weights_digest(whole)


def test_no_epochs_change_nothing() -> None:
    model = network()
    before = weights_digest(model)
    report = run(model, SETTINGS.model_copy(update={"epochs": 0}))
    assert (report.steps, report.reason, report.losses) == (0, "finished", ())
    assert weights_digest(model) == before


def test_constant_and_one_cycle_worked_by_hand() -> None:
    """0.04 at the start, halfway up 0.04 + 0.96 / 2 = 0.52, 1 at a fifth, halfway down (1 + cos(pi / 2)) / 2, 0 at the end."""
    assert {schedule("constant", done) for done in (0.0, 0.3, 1.0)} == {1.0}
    assert [round(schedule("one-cycle", done), 9) for done in (0.0, 0.1, 0.2, 0.6, 1.0)] == [0.04, 0.52, 1.0, 0.5, 0.0]


@pytest.mark.parametrize(("clip", "wanted"), [(None, [0.43, 0.24]), (10.0, [0.43, 0.24]), (1.0, [0.886, 0.848])])
def test_one_clipped_step_worked_by_hand(clip: float | None, wanted: list[float]) -> None:
    """Gradient g = (3, 4), norm 5; the first Nesterov step at rate 0.1 is 0.19 g: 1 - 0.57, 1 - 0.76; clipped at 1, a fifth."""
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.ones(1, 2))
    settings = FitSettings(epochs=1, optimizer="sgd", learning_rate=0.1, clip_norm=clip, precision="fp32")
    fit(model, One(), lambda batch: model(batch).sum(), settings, seed=0)
    assert model.weight.tolist()[0] == pytest.approx(wanted, rel=1e-5)


class One:
    """One step with the input (3, 4)."""

    def __len__(self) -> int:
        return 1

    def epoch(self, generator: torch.Generator) -> Iterator[Tensor]:
        yield torch.tensor([[3.0, 4.0]])


def test_bf16_computes_in_bf16_and_keeps_weights_in_fp32() -> None:
    model, types = network(), set()

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        logits = model(batch[0])
        types.add(logits.dtype)
        return nn.functional.cross_entropy(logits.float(), batch[1])

    report = fit(model, Points(), loss, SETTINGS.model_copy(update={"precision": "bf16", "learning_rate": 0.02}), seed=5)
    assert types == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert report.losses[-1] < report.losses[0]
