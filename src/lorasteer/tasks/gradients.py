"""The gradient of a step that is computed in parts: one after the other to save memory, or by several processes at once.

A step's loss is a sum over its examples, so its gradient is the sum of its parts' gradients, whoever computes them. The training
loop sees one scalar whose gradient is known already.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as processes
from torch import Tensor

Part = Callable[[], Tensor]


class _Known(torch.autograd.Function):
    """A number whose gradient in some parameters was computed before."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: Sequence[Tensor], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *(gradient * outer[0] for gradient in ctx.gradients)


_KNOWN: Callable[..., Any] = _Known.apply


def summed(parts: Sequence[Part], parameters: Sequence[Tensor]) -> Tensor:
    """The sum of this process's parts and of those of all others, with its gradient.

    Args:
        parts: Each computes a scalar; one graph lives at a time.
        parameters: What the gradient is wanted in; every process lists them in the same order.
    """
    if len(parts) == 1 and world() == 1:
        return parts[0]()
    found = [_value_and_gradients(part, parameters) for part in parts]
    value = functools.reduce(torch.add, [value for value, _ in found])
    gradients = [functools.reduce(torch.add, column) for column in zip(*(columns for _, columns in found), strict=True)]
    if world() > 1:
        value, gradients = _over_all(value, gradients)
    known: Tensor = _KNOWN(value, gradients, *parameters)
    return known


def _value_and_gradients(part: Part, parameters: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    value = part()
    if not value.requires_grad:  # a process with none of the step's examples
        return value.detach(), [torch.zeros_like(parameter) for parameter in parameters]
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    filled = [torch.zeros_like(of) if got is None else got for got, of in zip(gradients, parameters, strict=True)]
    return value.detach(), filled


def _over_all(value: Tensor, gradients: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Sums over all processes, in one message."""
    flat = torch.cat([value.reshape(1).float(), *(gradient.reshape(-1).float() for gradient in gradients)])
    processes.all_reduce(flat)
    pieces = torch.split(flat[1:], [gradient.numel() for gradient in gradients])
    shaped = [piece.view(like.shape).to(like.dtype) for piece, like in zip(pieces, gradients, strict=True)]
    return flat[0].to(value.dtype), shaped


def world() -> int:
    """How many processes work together; those that `accelerate launch` started find each other when first asked."""
    if not processes.is_available():
        return 1
    if not processes.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from accelerate import PartialState

        PartialState()
    return processes.get_world_size() if processes.is_initialized() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return processes.get_rank() if world() > 1 else 0
