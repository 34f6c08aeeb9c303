"""A change held by new values for some of the base's own numbers: zeroing, masking, full fine-tuning, retraining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from lorasteer.changes.contract import READERS, check_base, check_strength, check_tensors
from lorasteer.errors import WeightsError
from lorasteer.records import ChangeRecord, Plan, TrainingNotes
from lorasteer.tasks.base import Base
from lorasteer.tasks.tensors import Tensors, digest_of, read_tensors, write_tensors

SPARSE_BELOW = 0.25  # share of changed numbers up to which positions and values take less room than a whole tensor


@dataclass(frozen=True)
class WeightChange:
    """New values for parameters and buffers of one base.

    Values are kept, not differences: at strength 1 the result is exact to the bit. Between, numbers are interpolated.

    Args:
        record: Its description.
        tensors: `name` holds a whole new tensor; `name::index` and `name::values` hold flat positions and their new values.
        resume: State of the training that made it, to go on from.
    """

    record: ChangeRecord
    tensors: Mapping[str, Tensor]
    resume: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the modules whose tensors get new values."""
        return tuple(dict.fromkeys(name.partition("::")[0].rpartition(".")[0] for name in self.tensors))

    def apply(self, base: Base, *, strength: float | None = None) -> nn.Module:
        """The base with the new values in place; untouched tensors are shared with it."""
        check_base(self.record, base)
        return self.put_on(base.view(), self.record.strength if strength is None else strength)

    def merged(self, base: Base, *, strength: float | None = None) -> nn.Module:
        """A plain model with numbers of its own."""
        check_base(self.record, base)
        model = self.put_on(base.copy(), self.record.strength if strength is None else strength)
        return model.eval().requires_grad_(False)

    def put_on(self, model: nn.Module, strength: float) -> nn.Module:
        """Replace tensors of a view or copy; the tensors it held are left as they are.

        Args:
            model: A view or copy of the base, perhaps with other weight changes on it; later values win.
            strength: 0 to 1.5.
        """
        if check_strength(strength):
            current = dict(model.state_dict(keep_vars=False))
            for name in sorted({key.partition("::")[0] for key in self.tensors}):
                _place(model, name, self._new(name, current[name], strength))
        return model

    def _new(self, name: str, old: Tensor, strength: float) -> Tensor:
        wanted = self.tensors.get(name)
        if wanted is None:
            wanted = old.detach().clone()
            wanted.view(-1)[self.tensors[f"{name}::index"]] = self.tensors[f"{name}::values"]
        if strength == 1 or not old.is_floating_point():
            return wanted.clone()
        between = old + strength * (wanted - old)
        # beyond strength 1 a variance may be extrapolated below zero
        return between.clamp_min(0) if name.endswith("running_var") else between

    def write(self, folder: Path) -> None:
        """Write the values as safetensors."""
        write_tensors(folder / "weights.safetensors", self.tensors)

    def at(self, strength: float) -> WeightChange:
        """The same values with another strength of its own."""
        return WeightChange(self.record.model_copy(update={"strength": check_strength(strength)}), self.tensors)


def _place(model: nn.Module, name: str, value: Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    if leaf in module._parameters:
        module._parameters[leaf] = nn.Parameter(value, requires_grad=False)
    else:
        module._buffers[leaf] = value


def weight_change(
    base: Base,
    values: Mapping[str, Tensor],
    *,
    plan: Plan | None = None,
    training: TrainingNotes | None = None,
    trainable: int = 0,
    strength: float = 1.0,
) -> WeightChange:
    """Describe new values for some tensors of a base; what equals the base is left out.

    Args:
        base: The base.
        values: Whole new tensors by name, as in the base's state dict.
        plan: Plan that made them.
        training: How the training ended.
        trainable: How many numbers were free to change.
        strength: Strength it is applied at unless another is asked for.

    Raises:
        WeightsError: A name or shape is not the base's.
    """
    tensors: Tensors = {}
    old = base.model.state_dict()
    for name, value in values.items():
        if name not in old or old[name].shape != value.shape:
            raise WeightsError(
                f"no tensor {name!r} of shape {tuple(value.shape)} in this base; use the base's own names and shapes."
            )
        tensors.update(_difference(name, old[name], value.detach()))
    record = ChangeRecord(
        kind="weights", base=base.digest, tensors=digest_of(tensors), plan=plan, strength=strength,
        trainable=trainable, training=training or TrainingNotes(),
    )  # fmt: skip
    return WeightChange(record, tensors)


def _difference(name: str, old: Tensor, new: Tensor) -> Tensors:
    changed = ((new != old) | (new.signbit() != old.signbit())).reshape(-1)  # -0.0 equals 0.0 but is another number to the bit
    count = int(changed.sum())
    if count == 0:
        return {}
    if count > SPARSE_BELOW * old.numel():
        return {name: new.clone()}
    index = changed.nonzero().reshape(-1)
    return {f"{name}::index": index, f"{name}::values": new.reshape(-1)[index].clone()}


def _read(record: ChangeRecord, folder: Path) -> WeightChange:
    tensors, _ = read_tensors(folder / "weights.safetensors")
    check_tensors(record, digest_of(tensors), folder)
    return WeightChange(record, tensors)


READERS["weights"] = _read
