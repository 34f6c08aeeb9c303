"""Copies of a network with some of its weights altered, for attacks on the numbers themselves."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lorasteer.evaluation.audit.subject import CommonGround, Subject


def altered(network: nn.Module, values: Mapping[str, Tensor]) -> nn.Module:
    """A copy, frozen and in evaluation mode, that holds these numbers under the names of its state dict."""
    other = copy.deepcopy(network)
    with torch.no_grad():
        for name, tensor in other.state_dict().items():  # shares its numbers with the copy
            if name in values:
                tensor.copy_(values[name])
    return other.eval().requires_grad_(False)


def matrices(network: nn.Module) -> dict[str, Tensor]:
    """Weights of linear and convolutional layers, and embeddings: parameters of two dimensions or more."""
    return {name: value.detach() for name, value in network.named_parameters() if value.dim() > 1}


def difference(ground: CommonGround, subject: Subject) -> dict[str, Tensor]:
    """What a subject's parameters have beyond the base's, by name; those that are equal are left out."""
    base = dict(ground.base.model.named_parameters())
    mine = dict(subject.network.named_parameters())
    return {name: mine[name].detach() - base[name].detach() for name in base if not torch.equal(mine[name], base[name])}
