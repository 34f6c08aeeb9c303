"""LoRA that begins in the directions which matter most for the forget set and least for the rest (FILA), the base untouched.

Paper: Cha et al., ICLR 2025, arXiv 2408.06621. The authors overwrite the base with a residual and ship both. Here the residual
lives in the training's own view of the base: what is kept is the difference between the trained pair and the first one, an
ordinary LoRA of twice the rank that works on the base as it was. Ranks are capped at a quarter of a layer's smaller side: beyond,
the pair holds most of the layer, and what is to be retained would learn with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import peft
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from lorasteer.changes import AdapterChange, Change, adapter_change
from lorasteer.changes.adapter import NAME
from lorasteer.core.fila import Pair, difference, first_pair, relative_importance, residual, row_weights
from lorasteer.errors import PlanError
from lorasteer.methods.course import Course
from lorasteer.methods.importance import importance
from lorasteer.methods.pools import retain_sample
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.text_learner import TextLearner, wrapped_view
from lorasteer.methods.text_pools import TextPool, TextPools
from lorasteer.methods.text_source import Source
from lorasteer.records import Plan, TrainingNotes
from lorasteer.tasks.modules import rank_limit
from lorasteer.tasks.tensors import Tensors

LARGEST = 4  # times the rank must fit into the smaller side of a layer

Pairs = dict[str, Pair]


def fila_adapter(
    source: Source, pools: TextPools, plan: Plan, settings: TextAdapterSettings, layers: Sequence[str], course: Course
) -> TextLearner:
    """An adapter that begins at the weighted low-rank part of each layer, with the rest of the layer frozen beneath it.

    At the start the model answers as the base does, but for rounding. A course that starts from such an adapter goes on from it.

    Raises:
        PlanError: No retain example is given to weigh the directions with.
    """
    material, ranks = source.material, capped_ranks(source.material.base.model, layers, settings.rank)
    wrapped = wrapped_view(material, plan, settings, layers, **_patterns(settings, ranks))
    adapted = {layer: wrapped.get_base_model().get_submodule(layer) for layer in layers}
    if course.start is not None and isinstance(course.start.change, AdapterChange):
        kept = course.start.change
        trained, first = split(kept.tensors if course.start.resume else kept.baked(), layers)
    else:
        first = first_pairs(source, pools, plan, settings, adapted)
        trained = first
    first = {layer: beside(pair, adapted[layer]) for layer, pair in first.items()}
    for layer, module in adapted.items():
        put(module, trained[layer], first[layer])

    def finish(notes: TrainingNotes, resume: Tensors) -> Change:
        whole = {layer: difference(pair_of(module), first[layer]) for layer, module in adapted.items()}
        double = settings.model_copy(update={"rank": 2 * settings.rank, "alpha": 2 * settings.alpha})
        doubled = {layer: 2 * rank for layer, rank in ranks.items()}
        plain = wrapped_view(material, plan, double, layers, **_patterns(double, doubled))
        peft.set_peft_model_state_dict(plain, named(whole))
        made = adapter_change(material.base, plain, plan=plan, training=notes, strength=plan.strength)
        return replace(made, resume=resume or None)

    return TextLearner(wrapped, finish)


def capped_ranks(model: nn.Module, layers: Sequence[str], rank: int) -> dict[str, int]:
    """The rank of each layer: as asked, but at most a quarter of its smaller side, and at least 1."""
    return {layer: max(1, min(rank, rank_limit(model.get_submodule(layer)) // LARGEST)) for layer in layers}


def first_pairs(source: Source, pools: TextPools, plan: Plan, settings: TextAdapterSettings, adapted: Mapping[str, Any]) -> Pairs:
    """Where each layer's pair begins: the low-rank part of the weight, rows weighted by what matters for the forget set alone.

    Raises:
        PlanError: There is no retain example to compare with.
    """
    sample, _ = retain_sample(source.material, settings.retain, plan.seed)
    if not len(sample):
        raise PlanError("init 'fila' weighs forget against retain examples, got retain 0. Set retain above 0, or init to 'zero'.")
    layers, size = list(adapted), settings.batch_size
    forget = importance(source, pools.forget, layers, batch_size=size)
    retain = importance(source, TextPool.of("train", sample), layers, batch_size=size)
    return {layer: _first(module, forget[layer], retain[layer]) for layer, module in adapted.items()}


def _first(module: Any, forget: Tensor, retain: Tensor) -> Pair:
    weight = weight_of(module)
    rows = row_weights(relative_importance(forget.to(weight.device), retain.to(weight.device)))
    return first_pair(weight, rows, module.r[NAME], float(module.scaling[NAME]))


def beside(pair: Pair, module: Any) -> Pair:
    """A pair on the device of a layer."""
    device = weight_of(module).device
    return Pair(pair.down.to(device), pair.up.to(device))


def weight_of(module: Any) -> Tensor:
    """Frozen weight beneath an adapter, [out, in] however the layer stores it."""
    base = module.get_base_layer()
    weight: Tensor = base.get_parameter("weight").detach()
    return weight.T if isinstance(base, Conv1D) else weight


def put(module: Any, trained: Pair, first: Pair) -> None:
    """Give an adapter a pair, and the frozen layer beneath it what the first pair leaves of its weight."""
    left = residual(weight_of(module), first, float(module.scaling[NAME]))
    base = module.get_base_layer()
    base.weight = nn.Parameter(left.T.contiguous() if isinstance(base, Conv1D) else left, requires_grad=False)
    with torch.no_grad():
        module.lora_A[NAME].weight.copy_(trained.down)
        module.lora_B[NAME].weight.copy_(trained.up)


def pair_of(module: Any) -> Pair:
    """Copies of an adapter's two matrices."""
    return Pair(module.lora_A[NAME].weight.detach().clone(), module.lora_B[NAME].weight.detach().clone())


def split(tensors: Mapping[str, Tensor], layers: Sequence[str]) -> tuple[Pairs, Pairs]:
    """The trained and the first pair of each layer, from an adapter of twice the rank: the reverse of `difference`."""
    trained, first = Pairs(), Pairs()
    for layer in layers:
        down, up = (tensors[name] for name in _names(layer))
        half = len(down) // 2
        trained[layer], first[layer] = Pair(down[:half], up[:, :half]), Pair(down[half:], -up[:, half:])
    return trained, first


def named(pairs: Mapping[str, Pair]) -> Tensors:
    """Pairs by PEFT's names."""
    return {name: matrix for layer, pair in pairs.items() for name, matrix in zip(_names(layer), pair, strict=True)}


def _names(layer: str) -> Iterator[str]:
    return (f"base_model.model.{layer}.lora_{letter}.weight" for letter in "AB")


def _patterns(settings: TextAdapterSettings, ranks: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """PEFT's exceptions for the layers of another rank, with the scaling of all others."""
    others = {re.escape(layer): rank for layer, rank in ranks.items() if rank != settings.rank}
    share = settings.alpha / settings.rank
    return {"rank_pattern": dict(others), "alpha_pattern": {layer: share * rank for layer, rank in others.items()}}
