"""Several changes as one: adapters joined exactly by PEFT's `cat`, weights in order; or kept apart, to take one out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import peft
from torch import Tensor, nn

from lorasteer.changes.adapter import NAME, AdapterChange, adapter_change, lora_config, wrap_model
from lorasteer.changes.contract import MAX_STRENGTH, READERS, Change, check_base, check_strength
from lorasteer.changes.weights import WeightChange
from lorasteer.errors import PlanError
from lorasteer.records import ChangeRecord
from lorasteer.tasks.base import Base
from lorasteer.tasks.tensors import digest_of


@dataclass(frozen=True)
class ComposedChange:
    """Weight changes in their order, then the sum of the adapters on top of them.

    Args:
        record: Its description, with the parts' descriptions in order.
        weights: Weight changes; where two touch the same number, the later one wins.
        adapters: The adapters on top, if any.
        resume: State of the training that made the last part, to go on from.
    """

    record: ChangeRecord
    weights: tuple[WeightChange, ...]
    adapters: tuple[AdapterChange, ...]
    resume: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the modules any part alters."""
        return tuple(dict.fromkeys(layer for part in self.parts() for layer in part.layers))

    def apply(self, base: Base, *, strength: float | None = None) -> nn.Module:
        """The base with all parts in force; `strength` multiplies each part's own."""
        check_base(self.record, base)
        factor = check_strength(self.record.strength if strength is None else strength)
        model = self._weighted(base.view(), factor)
        adapter = self._adapter(base, factor)
        if adapter is None:
            return model
        wrapped: nn.Module = adapter.wrap(model, adapter.record.strength)
        return wrapped

    def merged(self, base: Base, *, strength: float | None = None) -> nn.Module:
        """A plain model with numbers of its own."""
        check_base(self.record, base)
        factor = check_strength(self.record.strength if strength is None else strength)
        model, adapter = self._weighted(base.copy(), factor), self._adapter(base, factor)
        if adapter is not None:
            model = adapter.wrap(model, adapter.record.strength).merge_and_unload()
        return model.eval().requires_grad_(False)

    def _adapter(self, base: Base, factor: float) -> AdapterChange | None:
        """The sum of the adapters; None where there are none, or all have the strength 0."""
        scaled = [part.at(_times(part, factor)) for part in self.adapters if _times(part, factor)]
        return _join(base, scaled) if scaled else None

    def _weighted(self, model: nn.Module, factor: float) -> nn.Module:
        for change in self.weights:
            change.put_on(model, _times(change, factor))
        return model

    def write(self, folder: Path) -> None:
        """Write each part into a folder of its own."""
        for number, part in enumerate(self.parts()):
            (folder / f"part{number}").mkdir()
            part.write(folder / f"part{number}")

    def parts(self) -> tuple[WeightChange | AdapterChange, ...]:
        """The parts in the order in which they are applied."""
        return (*self.weights, *self.adapters)

    def at(self, strength: float) -> ComposedChange:
        """The same parts with another factor on all of them."""
        record = self.record.model_copy(update={"strength": check_strength(strength)})
        return ComposedChange(record, self.weights, self.adapters)


def compose(base: Base, changes: Sequence[Change], *, apart: bool = False) -> Change:
    """One change that does what the given ones do, in their order.

    Adapters add up whatever their order, so they are joined into one of the summed rank; weight changes keep their order and go
    below it. A change's own strength is kept.

    Args:
        base: The base all of them were made for.
        changes: At least one.
        apart: Keep every part as it is, adapters too, so that one of them can be taken out again.

    Returns:
        An `AdapterChange` when all are adapters and are joined, the only change itself when it is kept apart, else a
        `ComposedChange`.

    Raises:
        PlanError: Nothing was given.
        WeightsError: A change was made for another base.
    """
    if not changes:
        raise PlanError("nothing to compose: got no changes, at least one is needed. Name the changes to combine.")
    for change in changes:
        check_base(change.record, base)
    flat = [part for change in changes for part in parts_of(change)]
    weights = tuple(part for part in flat if isinstance(part, WeightChange))
    adapters = tuple(part for part in flat if isinstance(part, AdapterChange))
    if apart and len(flat) == 1:
        return flat[0]
    if adapters and not apart:
        adapters = (_join(base, adapters),)
        if not weights:
            return adapters[0]
    return _described(base, weights, adapters)


def _described(base: Base, weights: tuple[WeightChange, ...], adapters: tuple[AdapterChange, ...]) -> ComposedChange:
    parts = (*(part.record for part in weights), *(part.record for part in adapters))
    tensors = digest_of({}, extra=" ".join(f"{part.tensors}@{part.strength}" for part in parts))
    trainable = sum(part.trainable for part in parts)
    record = ChangeRecord(kind="composed", base=base.digest, tensors=tensors, trainable=trainable, parts=parts)
    return ComposedChange(record, weights, adapters)


def on_top(base: Base, beneath: Sequence[Change], own: Change) -> Change:
    """A change together with those it was trained on top of, kept apart; plan and training are told of the change alone.

    Args:
        base: The base of all of them.
        beneath: Changes that were in force; none gives `own` itself.
        own: The new one.
    """
    whole = compose(base, [*beneath, own], apart=True) if beneath else own
    if not isinstance(whole, ComposedChange):
        return whole
    told = {"plan": own.record.plan, "training": own.record.training}
    return replace(whole, record=whole.record.model_copy(update=told), resume=own.resume)


def parts_of(change: Change) -> tuple[Change, ...]:
    """The parts of a composed change, each at the strength it has there; any other change is its own only part."""
    if not isinstance(change, ComposedChange):
        return (change,)
    return tuple(part.at(_times(part, change.record.strength)) for part in change.parts())


def _times(part: Change, factor: float) -> float:
    """A part's own strength times a factor, held at the largest strength a change may have."""
    return min(MAX_STRENGTH, factor * part.record.strength)


def _join(base: Base, adapters: Sequence[AdapterChange]) -> AdapterChange:
    """PEFT's `cat` combination: exact, ranks add up; `linear` would not be the sum of the updates."""
    if len(adapters) == 1:
        return adapters[0]
    wrapped = wrap_model(base.view(), adapters[0].config, name="part0")
    for number, adapter in enumerate(adapters):
        if number:
            wrapped.add_adapter(f"part{number}", lora_config(adapter.config))
        peft.set_peft_model_state_dict(wrapped, dict(adapter.tensors), adapter_name=f"part{number}")
    names = [f"part{number}" for number in range(len(adapters))]
    strengths = [adapter.record.strength for adapter in adapters]
    wrapped.add_weighted_adapter(names, strengths, NAME, combination_type="cat")
    wrapped.set_adapter(NAME)
    for name in names:
        wrapped.delete_adapter(name)
    return adapter_change(base, wrapped)


def _read(record: ChangeRecord, folder: Path) -> ComposedChange:
    parts = [READERS[part.kind](part, folder / f"part{number}") for number, part in enumerate(record.parts)]
    weights = tuple(part for part in parts if isinstance(part, WeightChange))
    return ComposedChange(record, weights, tuple(part for part in parts if isinstance(part, AdapterChange)))


READERS["composed"] = _read
