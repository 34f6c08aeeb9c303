"""Adapted layers while they learn: what PEFT's own forward computes, without what it has to ask and torch has to draw each time.

On remembered rows a step is a few small matrix products, so what surrounds them decides how long a round takes. Torch's dropout
takes longer on a CPU than the product it feeds: masks are windows into a table of independent draws instead, each at an offset
drawn anew; every activation is still dropped with probability p, and which ones changes at every step. PEFT's forward, before it
computes, looks for merged, mixed and disabled adapters, which a model in training does not have. Without dropout a linear layer
and its pair of matrices are one function of autograd: what the pair adds goes into the layer's own answer, and its part of the
gradient into the layer's own, so nothing of a layer's width is written a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from lorasteer.changes.adapter import NAME

WINDOWS = 2  # table size as a multiple of the largest input seen
_BITS = 16


def prepare(wrapped: nn.Module, *, dropout: float, seed: int) -> None:
    """Make the adapted layers of a model ready to learn: quick, and with dropout in training mode.

    Everything else, BatchNorm above all, stays in evaluation mode as the base has it.

    Args:
        wrapped: A fresh `PeftModel` of plain LoRA layers around a view of a base; used for this training only.
        dropout: Share of the adapter's input to drop.
        seed: Of the dropout's table.
    """
    wrapped.eval()
    for layer in wrapped.modules():
        if isinstance(layer, LoraLayer):
            layer.lora_dropout[NAME] = TableDropout(dropout, seed)
            layer.__dict__["forward"] = _Adapted(layer)  # on the instance, past nn.Module's own bookkeeping


class _Adapted:
    """Forward of a layer with one adapter: base(x) + scaling * B(A(dropout(x))), as in PEFT."""

    def __init__(self, layer: LoraLayer) -> None:
        self.base: Any = layer.get_base_layer()
        self.down, self.up = layer.lora_A[NAME], layer.lora_B[NAME]
        self.dropout, self.scaling = layer.lora_dropout[NAME], float(layer.scaling[NAME])

    def __call__(self, x: Tensor) -> Tensor:
        if self._plain(x):
            whole: Tensor = _JOINED(x, self.base.weight, self.base.bias, self.down.weight, self.up.weight, self.scaling)
            return whole
        said: Tensor = self.base(x)
        return torch.add(said, self.up(self.down(self.dropout(x))), alpha=self.scaling)

    def _plain(self, x: Tensor) -> bool:
        """Whether it is a frozen linear layer without dropout that works itself, and every number is of one type."""
        base = self.base
        if "forward" in base.__dict__ or base._forward_hooks or base._forward_pre_hooks:  # its answer may be remembered
            return False
        if type(base) is not nn.Linear or base.weight.requires_grad or (self.dropout.training and self.dropout.p):
            return False
        kinds = {x.dtype, base.weight.dtype, self.down.weight.dtype, self.up.weight.dtype}
        return len(kinds) == 1 and not torch.is_autocast_enabled(x.device.type) and not torch.compiler.is_compiling()


class _Joined(torch.autograd.Function):
    """A frozen linear layer with its adapter: x W^T + bias + scaling x A^T B^T for x [..., in]; gradients in x, A and B."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scaling: float) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        low = flat @ down.T
        said = flat @ weight.T if bias is None else torch.addmm(bias, flat, weight.T)
        said.addmm_(low, up.T, alpha=scaling)
        ctx.save_for_backward(flat, low, weight, down, up)
        ctx.scaling, ctx.shape = scaling, x.shape
        return said.view(*x.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        flat, low, weight, down, up = ctx.saved_tensors
        slope = slope.reshape(-1, len(weight))
        in_low = (slope @ up).mul_(ctx.scaling)
        in_x = None
        if ctx.needs_input_grad[0]:
            in_x = (slope @ weight).addmm_(in_low, down).view(ctx.shape)
        in_up = (slope.T @ low).mul_(ctx.scaling) if ctx.needs_input_grad[4] else None
        return in_x, None, None, in_low.T @ flat if ctx.needs_input_grad[3] else None, in_up, None


_JOINED: Callable[..., Any] = _Joined.apply


def recompute(blocks: Iterable[nn.Module]) -> None:
    """Let blocks keep their input only, and compute the rest again on the way back.

    Args:
        blocks: Of a view used for one training only. Their mode does not matter, unlike for what models offer themselves.
    """
    for block in blocks:
        block.__dict__["forward"] = _Recomputed(block)


class _Recomputed:
    """Forward of a block that keeps nothing but what it was given."""

    def __init__(self, block: nn.Module) -> None:
        self.usual: Callable[..., Any] = block.forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return self.usual(*args, **kwargs)
        return checkpoint(self.usual, *args, use_reentrant=False, **kwargs)


class TableDropout(nn.Module):
    """Drop activations with probability `p` and scale the others by 1 / (1 - p), as `nn.Dropout` does; nothing in evaluation.

    Offsets come from torch's generator; the table from a seed of its own, so that a run is repeated bit for bit.

    Args:
        p: Share to drop, 0 <= p < 1; kept to within 2^-16.
        seed: Of the table.
    """

    def __init__(self, p: float, seed: int = 0) -> None:
        super().__init__()
        self.p, self.seed = p, seed
        self._table = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """Mask `x`, of any shape."""
        if not self.training or not self.p:
            return x
        size = x.numel()
        if len(self._table) < WINDOWS * size:
            self._table = draw_mask(WINDOWS * size, self.p, self.seed)
        start = int(torch.randint(len(self._table) - size + 1, ()))
        return x * self._table[start : start + size].view(x.shape).to(x)


def draw_mask(size: int, p: float, seed: int) -> Tensor:
    """Independent draws of 0 (with probability p) or 1 / (1 - p), float32, shape [size].

    Example:
        >>> draw_mask(4, 0.5, seed=0).unique().tolist()
        [0.0, 2.0]
    """
    generator = torch.Generator().manual_seed(seed)
    words = torch.empty(-(-size * _BITS // 64), dtype=torch.int64)
    bits = words.random_(torch.iinfo(torch.int64).min, None, generator=generator).view(torch.int16)[:size]
    limit = round(p * (1 << _BITS)) - (1 << (_BITS - 1))
    return (bits >= limit).float() / (1 - p)
