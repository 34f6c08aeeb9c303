"""Where a training stands: kept as plain tensors, in memory or in a file, so that going on equals never having stopped."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from lorasteer.tasks.learned import Learned
from lorasteer.tasks.tensors import Tensors, digest_of, read_tensors, write_tensors

MODEL, OPTIMIZER = "model.", "optimizer."


def random_state(device: torch.device) -> Tensor:
    """State of torch's generator, and behind it that of the device where it has one of its own; uint8 on the CPU."""
    own = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return torch.cat([torch.get_rng_state(), *own])


def set_random_state(state: Tensor, device: torch.device) -> None:
    """Put back what `random_state` gave; the device's own state where it holds one."""
    size = len(torch.get_rng_state())
    torch.set_rng_state(state[:size].cpu())
    if device.type == "cuda" and len(state) > size:
        torch.cuda.set_rng_state(state[size:].cpu(), device)


@dataclass
class State:
    """What changes while a training goes on.

    Args:
        learned: What learns.
        optimizer: What moves it.
        epoch: Whole epochs done.
        step: Optimiser steps done.
        seen: Losses of the steps done of the epoch that comes after the whole ones.
        random: State of the generators where that epoch was left; of no use while `seen` is empty.
        losses: Mean loss of each whole epoch.
        safe: Last step whose loss was finite, and the weights it came from.
        started: When this process began, by its own clock.
        before: Seconds of the processes that wrote the checkpoint it goes on from.
    """

    learned: Learned
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    seen: tuple[float, ...] = ()
    random: Tensor = field(default_factory=torch.get_rng_state)
    losses: tuple[float, ...] = ()
    safe: tuple[int, Tensors] = (0, {})
    started: float = field(default_factory=time.perf_counter)
    before: float = 0.0

    @property
    def seconds(self) -> float:
        """Wall time so far, in all processes."""
        return self.before + time.perf_counter() - self.started


def pack(state: State) -> Tensors:
    """Copies of all that a training needs to go on: weights, optimiser, epoch, step, and the generator within an epoch."""
    tensors = {f"{MODEL}{name}": tensor for name, tensor in state.learned.copy().items()}
    for number, values in state.optimizer.state_dict()["state"].items():
        tensors |= {f"{OPTIMIZER}{number}.{name}": value.detach().clone() for name, value in values.items()}
    counts = {name: torch.tensor(getattr(state, name)) for name in ("epoch", "step")}
    losses = {name: torch.tensor(getattr(state, name), dtype=torch.float64) for name in ("losses", "seen")}
    return {**tensors, **counts, **losses, "random": state.random.clone()}


def unpack(state: State, tensors: Mapping[str, Tensor]) -> None:
    """Put a training back to where it was packed; the given tensors are copied, never written to."""
    state.learned.restore({name.removeprefix(MODEL): value for name, value in tensors.items() if name.startswith(MODEL)})
    saved: dict[int, Tensors] = {}
    for name, value in tensors.items():
        if name.startswith(OPTIMIZER):
            number, _, own = name.removeprefix(OPTIMIZER).partition(".")
            saved.setdefault(int(number), {})[own] = value.clone()
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": saved, "param_groups": groups})
    state.epoch, state.step = (int(tensors[name]) for name in ("epoch", "step"))
    state.losses, state.seen = (tuple(tensors[name].tolist()) for name in ("losses", "seen"))
    state.random = tensors["random"].clone()


def save(state: State, path: Path, key: str, precision: str) -> None:
    """Write a checkpoint.

    Args:
        state: Where the training stands.
        path: File to write; whole or not at all.
        key: What makes this training what it is; `load` takes no checkpoint with another.
        precision: Arithmetic of the training, for `precision_of`.
    """
    tensors = pack(state)
    facts = {"key": key, "precision": precision, "digest": digest_of(tensors), "seconds": f"{state.seconds:.3f}"}
    write_tensors(path, tensors, metadata=facts)


def load(state: State, path: Path, key: str) -> None:
    """Go back to a checkpoint, if there is one with this key whose numbers are those that were written."""
    if not path.is_file():
        return
    tensors, metadata = read_tensors(path)
    if metadata.get("key") == key and metadata.get("digest") == digest_of(tensors):
        unpack(state, tensors)
        state.before = float(metadata["seconds"])


def precision_of(checkpoint: Path) -> str | None:
    """Arithmetic a run was begun with, from its checkpoint; None without one. A run that measures it goes on with the same."""
    if not checkpoint.is_file():
        return None
    _, metadata = read_tensors(checkpoint)
    return metadata.get("precision") or None
