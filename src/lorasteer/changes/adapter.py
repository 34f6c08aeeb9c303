"""A change held by a PEFT adapter: two small matrices beside each adapted layer."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peft
from peft.tuners.lora import Linear as LoraLinear
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from lorasteer.changes.contract import READERS, check_base, check_strength, check_tensors
from lorasteer.records import ChangeRecord, Plan, TrainingNotes
from lorasteer.tasks.base import Base
from lorasteer.tasks.tensors import Tensors, digest_of, read_tensors, write_tensors

NAME = "default"  # PEFT's own name for the first adapter


@dataclass(frozen=True)
class AdapterChange:
    """A LoRA adapter for one base.

    Args:
        record: Its description.
        config: PEFT's configuration as JSON values; what `adapter_config.json` holds.
        tensors: PEFT's weights by PEFT's names; what `adapter_model.safetensors` holds.
        resume: State of the training that made it, to go on from.
    """

    record: ChangeRecord
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    resume: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the adapted modules."""
        names = (name.removeprefix("base_model.model.").partition(".lora_")[0] for name in self.tensors)
        return tuple(dict.fromkeys(names))

    def apply(self, base: Base, *, strength: float | None = None) -> nn.Module:
        """The base with the adapter in force, scaled by `strength`; a plain view of the base at 0."""
        check_base(self.record, base)
        strength = check_strength(self.record.strength if strength is None else strength)
        return self.wrap(base.view(), strength) if strength else base.view()

    def merged(self, base: Base, *, strength: float | None = None) -> nn.Module:
        """The base's own modules with the adapter added into copies of the adapted weights."""
        check_base(self.record, base)
        strength = check_strength(self.record.strength if strength is None else strength)
        model = base.copy()
        if strength:
            model = self.wrap(model, strength).merge_and_unload()
        return model.eval().requires_grad_(False)

    def baked(self) -> Tensors:
        """PEFT's weights with the change's own strength in the numbers."""
        strength = self.record.strength
        return {name: value * strength if ".lora_B." in name else value for name, value in self.tensors.items()}

    def wrap(self, model: nn.Module, strength: float) -> Any:
        """Put the adapter, scaled by `strength`, around a model whose modules may be replaced: a `PeftModel`, frozen."""
        wrapped = wrap_model(model, self.config)
        problems: Any = peft.set_peft_model_state_dict(wrapped, dict(self.tensors))
        assert not problems.unexpected_keys, problems.unexpected_keys
        scale(wrapped, strength)
        return wrapped.eval().requires_grad_(False)

    def write(self, folder: Path) -> None:
        """Write what stock `PeftModel.from_pretrained` reads."""
        write_tensors(folder / "adapter_model.safetensors", self.tensors, metadata={"format": "pt"})
        (folder / "adapter_config.json").write_text(json.dumps(dict(self.config), indent=1, sort_keys=True), encoding="utf-8")

    def at(self, strength: float) -> AdapterChange:
        """The same adapter with another strength of its own."""
        record = self.record.model_copy(update={"strength": check_strength(strength)})
        return AdapterChange(record, self.config, self.tensors)


class Dialled:
    """An adapter in force, whose strength is set anew without putting it around the base again.

    Args:
        change: The adapter.
        base: Its base.
    """

    def __init__(self, change: AdapterChange, base: Base) -> None:
        check_base(change.record, base)
        self._model: nn.Module = change.wrap(base.view(), 1.0)
        self._units = [(layer.scaling, layer.scaling[NAME]) for layer in _adapted(self._model)]

    def at(self, strength: float) -> nn.Module:
        """The model at this strength, the same one each time; the numbers are those of `AdapterChange.apply`.

        Raises:
            WeightsError: The strength is out of range.
        """
        check_strength(strength)
        for scaling, unit in self._units:
            scaling[NAME] = unit * strength
        return self._model


@dataclass(frozen=True)
class Halves:
    """A layer with an adapter beside it, taken apart: what is frozen answers, what the adapter adds, and by which scaling.

    Args:
        layer: PEFT's layer.
    """

    layer: Any

    @classmethod
    def of(cls, model: nn.Module, name: str) -> Halves | None:
        """A linear layer of an adapted model; None where the module of this name is none, or PEFT adds up in another way."""
        layer = getattr(model, "get_base_model", lambda: model)().get_submodule(name)
        if not isinstance(layer, LoraLinear) or layer.lora_variant or NAME not in layer.scaling:
            return None
        return cls(layer)

    def answers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the frozen part and the adapter, not scaled yet, answer; each of shape [n, ...]."""
        return self.layer.base_layer(x), self.layer.lora_B[NAME](self.layer.lora_A[NAME](x))

    def joined(self, frozen: Tensor, added: Tensor) -> Tensor:
        """The layer's own answer at the strength it has now, to the bit."""
        answer: Tensor = frozen + added * self.layer.scaling[NAME]
        return answer


def wrap_model(model: nn.Module, config: Mapping[str, Any], *, name: str = NAME) -> Any:
    """A `PeftModel` with a fresh adapter around a model whose modules may be replaced."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by a name that is to be renamed
        return peft.get_peft_model(model, lora_config(config), adapter_name=name)


def lora_config(config: Mapping[str, Any]) -> Any:
    """PEFT's configuration object from JSON values."""
    return peft.LoraConfig(**{key: value for key, value in config.items() if key != "peft_type"})


def exactly(layers: Sequence[str]) -> str:
    r"""Target modules as a pattern of whole names: PEFT takes a list for endings, and `conv1` would mean every `block.conv1`.

    Example:
        >>> exactly(["fc1", "layer1.0.conv1"])
        'fc1|layer1\\.0\\.conv1'
    """
    return "|".join(re.escape(layer) for layer in layers)


def scale(model: nn.Module, strength: float) -> None:
    """Multiply the scaling of every adapted layer of a freshly wrapped model."""
    for layer in _adapted(model):
        layer.scaling[NAME] *= strength


def _adapted(model: nn.Module) -> list[Any]:
    """The layers that carry the adapter."""
    return [layer for layer in model.modules() if isinstance(layer, BaseTunerLayer) and NAME in getattr(layer, "scaling", {})]


def adapter_change(
    base: Base, wrapped: Any, *, plan: Plan | None = None, training: TrainingNotes | None = None, strength: float = 1.0
) -> AdapterChange:
    """Take the adapter off a wrapped model.

    Args:
        base: The base the model was made from.
        wrapped: A `PeftModel` around a view of it.
        plan: Plan that made it.
        training: How its training ended.
        strength: Strength it is applied at unless another is asked for.
    """
    # embeddings are never adapted; "auto" would look for the model's configuration on disk and on the hub
    state = peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    tensors: Tensors = {name: value.detach().clone() for name, value in state.items()}
    config = plain_config(wrapped.peft_config[NAME])
    record = ChangeRecord(
        kind="adapter", base=base.digest, tensors=_digest(tensors, config), plan=plan,
        strength=strength, trainable=sum(tensor.numel() for tensor in tensors.values()), training=training or TrainingNotes(),
    )  # fmt: skip
    return AdapterChange(record, config, tensors)


def _digest(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> str:
    return digest_of(tensors, extra=json.dumps(dict(config), sort_keys=True))


def plain_config(config: Any) -> dict[str, Any]:
    """PEFT's configuration as JSON values, in inference mode, so that loading it does not make it trainable."""
    values = {**config.to_dict(), "inference_mode": True, "peft_type": "LORA"}
    return {key: sorted(value) if isinstance(value, set) else value for key, value in values.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, list, dict, set))


def _read(record: ChangeRecord, folder: Path) -> AdapterChange:
    tensors, _ = read_tensors(folder / "adapter_model.safetensors")
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    check_tensors(record, _digest(tensors, config), folder)
    return AdapterChange(record, config, tensors)


READERS["adapter"] = _read
