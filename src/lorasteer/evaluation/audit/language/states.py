"""What a language model says behind each of its blocks, for attacks that look inside."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lorasteer.core.tokens import per_example, token_statistics
from lorasteer.evaluation.language.scoring import measuring
from lorasteer.tasks.language.inputs import TextInputs, Tokens
from lorasteer.tasks.language.network import Network, hidden_of
from lorasteer.tasks.splits import Index, Part

BATCH = 32  # examples of one pass


def batches(inputs: TextInputs, part: Part, index: Index) -> Iterator[Tokens]:
    """Examples in batches of similar length; the same batches for the same examples."""
    order = np.asarray(index, np.int64)[np.argsort(inputs.lengths(part)[index], kind="stable")]
    for start in range(0, len(order), BATCH):
        yield inputs.tokens(part, order[start : start + BATCH])


def stations(network: Network) -> tuple[str, ...]:
    """Names of the places that can be looked at: the output of each block."""
    return tuple(f"block {number}" for number in range(len(network.blocks)))


def states(network: Network, tokens: Tokens) -> tuple[Float[Tensor, "batch length width"], ...]:
    """Hidden states behind each block, without gradients. At padding the numbers mean nothing."""
    caught: list[Tensor] = []
    with contextlib.ExitStack() as stack, measuring(network):
        for block in network.blocks:
            handle = block.register_forward_hook(_catch(caught))
            stack.callback(handle.remove)
        network.hidden(tokens)
    return tuple(caught)


def _catch(caught: list[Tensor]) -> Any:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        caught.append(hidden_of(output).detach())

    return hook


def real(tokens: Tokens, states: Float[Tensor, "batch length width"]) -> Float[Tensor, "n width"]:
    """States of real tokens alone."""
    return states[tokens.mask.bool().to(states.device)]


def log_probabilities(
    network: Network, tokens: Tokens, *, after: int | None = None, put: Tensor | None = None
) -> Float[Tensor, " batch"]:
    """Mean log-probability per token of each example's answer, float64 on the CPU.

    Args:
        network: The model that speaks.
        tokens: The examples.
        after: Block whose output is replaced; None replaces nothing.
        put: What it is replaced by, [batch, length, width].
    """
    with measuring(network):
        start = None if after is None or put is None else (after + 1, put)
        hidden = network.at_targets(tokens, start=start)
        row, _, labels = tokens.targets
        said = token_statistics(hidden, network.head_weight, network.head_bias, labels.to(hidden.device)).log_prob
    total, count = per_example(said.double().cpu(), row.cpu(), len(tokens))
    return total / count


def mean(several: Sequence[Tensor]) -> float:
    """Mean over all numbers of some tensors."""
    return float(torch.cat(list(several)).mean())
