"""The feed-forward part of a block at some tokens only: it looks at each token alone, so the others can be left out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

_NAMES = ("mlp", "feed_forward", "ffn")
_CLOSE = {torch.float32: 1e-4, torch.float64: 1e-8}  # of the largest number; half precision in another order differs by more
_ALONE: dict[type[nn.Module], bool] = {}


@contextlib.contextmanager
def only_at(block: nn.Module, places: Tensor, width: int) -> Iterator[None]:
    """While it runs, the block's feed-forward part answers 0 for all other tokens, without computing anything for them.

    Args:
        block: A block of a model. Where its feed-forward part is not found, does more than look at each token alone, or the
            pass of either is taken over or watched by somebody else, nothing is left out.
        places: Of the tokens in the batch laid flat, int64, shape [n].
        width: Numbers in a hidden state.
    """
    part = next((own for name in _NAMES if (own := getattr(block, name, None)) is not None), None)
    if not isinstance(part, nn.Module) or "forward" in block.__dict__ or _watched(part) or not _alone(part, width):
        yield
        return
    usual = part.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            return usual(*args, **kwargs)
        flat = args[0].flatten(0, -2)
        said = usual(flat.index_select(0, places)[None])[0]
        return said.new_zeros(len(flat), said.shape[-1]).index_copy(0, places, said).view(*args[0].shape[:-1], -1)

    part.__dict__["forward"] = forward
    try:
        yield
    finally:
        del part.__dict__["forward"]


def _watched(part: nn.Module) -> bool:
    return "forward" in part.__dict__ or any(own._forward_hooks or own._forward_pre_hooks for own in part.modules())


def _alone(part: nn.Module, width: int) -> bool:
    """Whether it says to a token beside others what it says to it alone; tried once for a kind of module."""
    if type(part) not in _ALONE:
        _ALONE[type(part)] = _tried(part, width)
    return _ALONE[type(part)]


@torch.no_grad()
def _tried(part: nn.Module, width: int) -> bool:
    weight = next(part.parameters(), None)
    if weight is None:
        return False
    busy = [module for module in part.modules() if module.training]
    part.eval()
    try:
        x = torch.linspace(-2, 2, 3 * width, device=weight.device).sin().view(1, 3, width).to(weight.dtype)
        together, alone = part(x), part(x[:, 1:2])
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False
    finally:
        for module in busy:
            module.training = True
    if not isinstance(together, Tensor) or together.shape != x.shape:
        return False
    return torch.allclose(together[:, 1:2], alone, rtol=0, atol=_CLOSE.get(x.dtype, 0.05) * float(together.abs().max()))
