"""The one training loop: base, retrained, methods and relearning.

It is deterministic on CPU: the order of the batches and the dropout masks of an epoch follow from (seed, epoch) alone, so a run
that goes on from where an earlier one stood gives the numbers of a single one, bit for bit. Observers see every step and may stop
it. A loss that is not finite ends it at the last state whose loss was finite.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from lorasteer.errors import Interrupted
from lorasteer.records import Settings
from lorasteer.tasks.glance import Glancer, Reading
from lorasteer.tasks.learned import Learned
from lorasteer.tasks.resume import State, load, pack, random_state, save, set_random_state, unpack
from lorasteer.tasks.tensors import Tensors, digest_of
from lorasteer.tasks.vector import fits_one_vector, one_vector

BatchT = TypeVar("BatchT")
BatchT_co = TypeVar("BatchT_co", covariant=True)
SNAPSHOT_EVERY_STEP = 1_000_000  # numbers; below this a copy of the state costs less than the step it follows
_SEED_STRIDE = 1_000_003  # keeps the streams of neighbouring seeds apart over any usual number of epochs


class FitSettings(Settings):
    """Settings of one training run."""

    epochs: Annotated[int, Field(ge=0)] = 10
    """Passes over the training examples; 0 trains nothing."""
    batch_size: Annotated[int, Field(gt=0)] = 128
    """Examples per optimiser step."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with Nesterov momentum 0.9."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate, the highest one where the schedule moves it."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay of the optimiser."""
    schedule: Literal["constant", "one-cycle"] = "constant"
    """Learning rate over the run: constant, or up for the first fifth and then down to zero."""
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Largest norm of the gradient; None does not clip."""
    augmentation: str = "none"
    """Random change of the training images, by name: `none`, `crop`, `flip-crop`."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic: fp32, bf16 autocast with channels-last images, or the faster of them, measured before training (`auto`)."""


@dataclass(frozen=True)
class Progress:
    """What observers are told after each step.

    Args:
        step: Steps taken.
        steps: Steps there will be at most.
        epoch: Epoch, counted from 1.
        epochs: Epochs there will be at most.
        loss: Of this step.
        glance: Looks at the model as it is now, where that is possible; only to be called by the observer that is being told.
        seen: What the rule that stops the training saw at its latest look, which may be some steps old; None where none looks.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    glance: Glancer | None = field(default=None, repr=False, compare=False)
    seen: Reading | None = None


Observer = Callable[[Progress], bool | None]
Ending = Literal["finished", "stopped", "diverged"]


@dataclass(frozen=True)
class FitReport:
    """How a training run ended.

    Args:
        steps: Optimiser steps taken, those of the run it went on from included.
        kept_step: Step whose weights the model holds now.
        seconds: Wall time of the loop, with that of the runs it resumes.
        reason: `finished`, `stopped` (an observer asked for it) or `diverged` (a loss was not finite).
        losses: Mean loss of each epoch.
        resume: What another run goes on from; empty where it was not asked for, and after a divergence.
    """

    steps: int
    kept_step: int
    seconds: float
    reason: Ending
    losses: tuple[float, ...] = ()
    resume: Tensors = field(default_factory=dict, repr=False, compare=False)


class Batches(Protocol[BatchT_co]):
    """Training examples in the order an epoch sees them."""

    def __len__(self) -> int:
        """Steps per epoch."""
        ...

    def epoch(self, generator: torch.Generator) -> Iterator[BatchT_co]:
        """Batches of one epoch; all randomness comes from the generator."""
        ...


def fit(
    model: nn.Module,
    batches: Batches[BatchT],
    loss: Callable[[BatchT], Tensor],
    settings: FitSettings,
    *,
    seed: int,
    observers: Sequence[Observer] = (),
    checkpoint: Path | None = None,
    identity: str = "",
    resume: Mapping[str, Tensor] | None = None,
    resumable: bool = False,
) -> FitReport:
    """Minimise a loss over the parameters of `model` that require a gradient.

    The caller decides about train and eval mode of the modules; the loop leaves it alone.

    Args:
        model: Holds the parameters; changed in place.
        batches: Where batches come from.
        loss: Scalar loss of one batch.
        settings: Numbers of the run.
        seed: Fixes order, augmentation and dropout.
        observers: Called after every step; a true answer stops the run.
        checkpoint: File to write after every epoch and to resume from; one of another run is ignored: of other settings, seed,
            starting weights, steps per epoch, or identity.
        identity: What else makes this run what it is, such as the digest of its examples.
        resume: What an earlier run of the same settings and seed left: its weights, optimiser and count of epochs. This run then
            takes `settings.epochs` further ones. Not to be given with a checkpoint.
        resumable: Whether the report shall hold what a further run goes on from.

    Returns:
        How the run ended. The model holds the weights of `kept_step`.

    Raises:
        Interrupted: Ctrl-C was pressed and a checkpoint lies ready; without a checkpoint KeyboardInterrupt passes through.
    """
    learned = Learned.of(model)
    reason: Ending = "finished"
    # gradients also for a caller who only wants answers
    with torch.random.fork_rng(learned.devices), torch.enable_grad(), _optimizing(learned, settings) as optimizer:
        state = State(learned, optimizer)
        if resume:
            unpack(state, resume)
        until = state.epoch + settings.epochs
        key = ""
        if checkpoint is not None:
            key = f"{settings.digest} seed {seed} start {digest_of(learned.copy())} steps {len(batches)} {identity}"
            load(state, checkpoint, key)
        state.safe = (state.step, learned.copy())
        with _resumable(state, settings, checkpoint):
            while state.epoch < until and reason == "finished":
                reason = _run_epoch(state, batches, loss, settings, seed, observers, until)
                if checkpoint is not None and reason == "finished":
                    save(state, checkpoint, key, settings.precision)
        kept = _go_back(state) if reason == "diverged" else state.step
        left = pack(state) if resumable and reason != "diverged" else {}
    return FitReport(state.step, kept, state.seconds, reason, state.losses, left)


@contextlib.contextmanager
def _resumable(state: State, settings: FitSettings, checkpoint: Path | None) -> Iterator[None]:
    """Ctrl-C inside the block says how to go on, where there is something to go on from."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if checkpoint is None:
            raise
        raise Interrupted(
            f"stopped in epoch {state.epoch + 1} of {settings.epochs}; {checkpoint} keeps the epochs before it. "
            "Run the same command again to go on."
        ) from stop


def _run_epoch(
    state: State,
    batches: Batches[BatchT],
    loss: Callable[[BatchT], Tensor],
    settings: FitSettings,
    seed: int,
    observers: Sequence[Observer],
    until: int,
) -> Ending:
    every_step = state.learned.size < SNAPSHOT_EVERY_STEP
    steps = len(batches) * until
    stopped, seen = False, list(state.seen)
    for batch in _rest_of_epoch(state, batches, seed):
        with torch.autocast(state.learned.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            value = loss(batch)
        seen.append(value.item())
        if not math.isfinite(seen[-1]):
            return "diverged"
        if every_step or len(seen) == 1:  # the first of the epoch
            state.safe = (state.step, state.learned.copy())
        _step(state, value, settings, steps)
        progress = Progress(state.step, steps, state.epoch + 1, until, seen[-1])
        # every observer is told of every step, also when an earlier one asks to stop
        stopped = max([bool(observe(progress)) for observe in observers], default=False)
        if stopped:
            break
    if not state.learned.are_finite():  # a finite loss may have a gradient that is not
        return "diverged"
    _count(state, seen, whole=not stopped or len(seen) == len(batches))
    return "stopped" if stopped else "finished"


def _rest_of_epoch(state: State, batches: Batches[BatchT], seed: int) -> Iterator[BatchT]:
    """Batches of the epoch, without those that were done before it was left; dropout goes on as it would have."""
    torch.manual_seed(seed * _SEED_STRIDE + state.epoch)
    generator = torch.Generator().manual_seed(seed * _SEED_STRIDE + state.epoch)
    if state.seen:
        set_random_state(state.random, state.learned.device)
    return itertools.islice(batches.epoch(generator), len(state.seen), None)


def _count(state: State, seen: Sequence[float], *, whole: bool) -> None:
    """Note where the epoch ended or was left."""
    if whole:
        state.epoch, state.seen, state.losses = state.epoch + 1, (), (*state.losses, sum(seen) / max(1, len(seen)))
    else:
        state.seen = tuple(seen)
    state.random = random_state(state.learned.device)


def _step(state: State, value: Tensor, settings: FitSettings, steps: int) -> None:
    for group in state.optimizer.param_groups:
        group["lr"] = settings.learning_rate * schedule(settings.schedule, state.step / max(1, steps))
    state.optimizer.zero_grad(set_to_none=False)  # gradients may be windows into one vector
    torch.autograd.backward(value)
    if settings.clip_norm is not None:
        nn.utils.clip_grad_norm_(state.optimizer.param_groups[0]["params"], settings.clip_norm)
    state.optimizer.step()
    state.step += 1


def schedule(name: str, done: float) -> float:
    """Factor on the learning rate when a share `done` of the run is over.

    Example:
        >>> schedule("constant", 0.5), schedule("one-cycle", 0.2), round(schedule("one-cycle", 0.6), 2)
        (1.0, 1.0, 0.5)
    """
    if name == "constant":
        return 1.0
    if done < 0.2:
        return 0.04 + 0.96 * done / 0.2
    return 0.5 * (1 + math.cos(math.pi * (done - 0.2) / 0.8))


@contextlib.contextmanager
def _optimizing(learned: Learned, settings: FitSettings) -> Iterator[torch.optim.Optimizer]:
    """An optimiser over what learns: of one vector where that is possible."""
    parameters = list(learned.parameters.values())
    with contextlib.ExitStack() as stack:
        if fits_one_vector(parameters):
            parameters = [stack.enter_context(one_vector(parameters))]
        if settings.optimizer == "sgd":
            yield torch.optim.SGD(
                parameters, settings.learning_rate, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay
            )
        else:
            yield torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay, fused=True)


def _go_back(state: State) -> int:
    step, kept = state.safe
    state.learned.restore(kept)
    return step
