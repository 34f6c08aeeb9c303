"""Which modules of a model can carry an adapter, and where its classifier head is."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from transformers.pytorch_utils import Conv1D

from lorasteer.errors import PlanError, choices


def classifier_head(model: nn.Module) -> tuple[str, ...]:
    """Names of the last linear layers: those behind which no other module with parameters follows.

    For a head of one linear layer that is the layer; for the paper's head of two it is both.

    Raises:
        PlanError: The model does not end in a linear layer.
    """
    leaves = [(name, module) for name, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))]
    head: list[str] = []
    for name, module in reversed(leaves):
        if not isinstance(module, nn.Linear):
            break
        head.insert(0, name)
    if not head:
        raise PlanError("the model does not end in a linear layer, so it has no default head; name the layers to adapt.")
    return tuple(head[-2:])


def adaptable(model: nn.Module) -> list[str]:
    """Names of all modules that can carry a LoRA adapter, in the order of the model."""
    return [name for name, module in model.named_modules() if name and _refusal(module) is None]


def resolve_layers(model: nn.Module, layers: Sequence[str]) -> tuple[str, ...]:
    """The layers a plan means: the named ones, all inside a named container, or the classifier head when none is named.

    Args:
        model: The base model.
        layers: Names of modules; a container stands for every adaptable module in it.

    Raises:
        PlanError: A name is no module, or names one that PEFT cannot adapt; the message says why.
    """
    if not layers:
        return classifier_head(model)
    modules, chosen = dict(model.named_modules()), list[str]()
    for layer in layers:
        if layer not in modules:
            raise PlanError(f"layer {layer!r} is no module of this model. {choices(layer, adaptable(model))}")
        inside = [name for name in adaptable(model) if name == layer or name.startswith(layer + ".")]
        if not inside:
            reason = _refusal(modules[layer]) or "it holds no linear or convolutional layer"
            raise PlanError(f"layer {layer!r} cannot be adapted: {reason}. Choose among: {', '.join(adaptable(model))}.")
        chosen += [name for name in inside if name not in chosen]
    return tuple(chosen)


def check_rank(model: nn.Module, layers: Sequence[str], rank: int) -> None:
    """Refuse a rank that a layer cannot hold.

    Raises:
        PlanError: The rank is larger than the smaller side of a layer.
    """
    for layer in layers:
        limit = rank_limit(model.get_submodule(layer))
        if rank > limit:
            others = "" if len(layers) == 1 else f", or leave {layer!r} out of plan.layers"
            raise PlanError(
                f"adapter rank {rank} is larger than layer {layer!r} allows ({limit}). Choose rank <= {limit}{others}."
            )


def rank_limit(module: nn.Module) -> int:
    """Largest rank an update of this layer can have: the smaller side of its weight matrix."""
    weight = module.get_parameter("weight")
    return min(weight.shape[0], weight[0].numel())


def _refusal(module: nn.Module) -> str | None:
    """Why PEFT cannot adapt a module; None when it can."""
    if isinstance(module, (nn.Linear, Conv1D)):  # GPT-2 holds its linear layers as Conv1D, the weight turned
        return None
    if not isinstance(module, nn.Conv2d):
        return f"LoRA adapts Linear and Conv2d, this is {type(module).__name__}"
    if max(module.dilation) > 1:
        return f"PEFT ignores dilation in the adapter, and this convolution has dilation {module.dilation}"
    if module.groups > 1:
        return f"PEFT cannot merge an adapter into a grouped convolution, and this one has {module.groups} groups"
    return None
