"""An adapter as stock PEFT reads it: `adapter_config.json` and `adapter_model.safetensors`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import peft
import torch
from torch import Tensor

from lorasteer.changes import AdapterChange, Change
from lorasteer.changes.contract import check_strength
from lorasteer.errors import PlanError
from lorasteer.tasks.base import Base
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.tensors import replacing_folder

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def export_adapter(change: Change, folder: Path | str, *, strength: float | None = None) -> Path:
    """Write an adapter that `PeftModel.from_pretrained(model, folder)` loads, `model` being the base's network.

    The strength goes into the adapter's alpha, so that stock PEFT, which knows no strength, gives the model at that strength.

    Args:
        change: An adapter.
        folder: Where to; it appears whole, in place of what was there.
        strength: 0 to 1.5; the change's own when left out.

    Raises:
        PlanError: The change is not an adapter.
        WeightsError: The strength is out of range.
        StoreError: The folder cannot be written.
    """
    if not isinstance(change, AdapterChange):
        raise PlanError(
            f"a change of kind {change.record.kind!r} is not an adapter, so PEFT cannot load it; "
            "export the whole model instead, with `lorasteer export --merged`."
        )
    strength = check_strength(change.record.strength if strength is None else strength)
    scaled = AdapterChange(change.record, _scaled(change.config, strength), change.tensors)
    with replacing_folder(Path(folder)) as temporary:
        scaled.write(temporary)
    return Path(folder)


def _scaled(config: Mapping[str, Any], strength: float) -> dict[str, Any]:
    """A LoRA configuration whose alphas are multiplied: the update is proportional to alpha, with or without rank-stabilising."""
    if strength == 1:
        return dict(config)
    pattern = {layer: alpha * strength for layer, alpha in (config.get("alpha_pattern") or {}).items()}
    return {**config, "lora_alpha": config["lora_alpha"] * strength, "alpha_pattern": pattern}


def adapter_difference(change: Change, base: Base, folder: Path, inputs: Tensor, *, strength: float | None = None) -> float:
    """Load an exported adapter with stock PEFT and compare it with the change in force.

    Args:
        change: What was exported.
        base: Its base.
        folder: What `export_adapter` wrote.
        inputs: Inputs of the model, shape [n, ...]: pixels, or token ids.
        strength: Strength it was exported at.

    Returns:
        Largest absolute difference of any logit.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by a name that is to be renamed
        stock = peft.PeftModel.from_pretrained(base.view(), str(folder)).eval()
    with torch.no_grad():
        ours, theirs = logits_of(change.apply(base, strength=strength)(inputs)), logits_of(stock(inputs))
    return float((ours - theirs).abs().max())
