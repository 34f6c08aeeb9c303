"""Small runs to keep: a base of one layer, changes of a few numbers, and records around them; nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lorasteer.changes import AdapterChange, Change, WeightChange, adapter_change, weight_change
from lorasteer.changes.adapter import wrap_model
from lorasteer.records import Evaluation, Iteration, Measurement, Plan, Request, RunRecord, Target
from lorasteer.store import RunStore
from lorasteer.tasks.base import Base, BaseRecord

RUN = "20260101-000000-aaaaaa"


@cache
def kept_base(seed: int = 0) -> Base:
    """A base of one layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential()
        model.add_module("fc", nn.Linear(4, 3))
    return Base(BaseRecord(model="tests:layer", classes=("a", "b", "c"), data="toy", data_digest="d" * 64), model)


@cache
def adapter(seed: int = 0, of: int = 0) -> AdapterChange:
    """An adapter with random numbers for the base of that seed."""
    base = kept_base(of)
    config = {"r": 2, "lora_alpha": 4, "target_modules": "fc", "lora_dropout": 0.0}
    wrapped = wrap_model(base.view(), config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator)
    return adapter_change(base, wrapped)


def weights(seed: int = 0) -> WeightChange:
    """New random values for the bias."""
    return weight_change(kept_base(), {"fc.bias": torch.randn(3, generator=torch.Generator().manual_seed(seed))})


def resume(seed: int = 0) -> dict[str, Tensor]:
    """What a training goes on from: a step, and numbers of an optimiser."""
    return {"step": torch.tensor(seed), "average": torch.randn(5, generator=torch.Generator().manual_seed(seed))}


def run(run_id: str = RUN, **facts: Any) -> RunRecord:
    """A run on the base."""
    values = {"created": "2026-01-01T00:00:00+00:00", "base": kept_base().digest, "data": "toy", "data_digest": "d" * 64}
    return RunRecord.model_validate({"id": run_id, **values, **facts})


def iteration(change: Change, number: int = 1, **facts: Any) -> Iteration:
    """An iteration with this change; it goes on from the one before it."""
    plan = Plan(method="lora-ihl", splits="s" * 64)
    accuracy = {"unit": "share", "n": 10, "better": "lower"}
    measured = Measurement.model_validate({"name": "forget_test_accuracy", "value": 1 / (number + 1), **accuracy})
    found = Evaluation(subject="lora-ihl", splits="s" * 64, model="m", measurements=(measured,))
    values = {
        "number": number, "parent": number - 1, "action": "continue" if number > 1 else "unlearn", "plan": plan,
        "request": Request(target=Target(classes=("a",))), "wording": "class a", "splits": "s" * 64, "sizes": {"forget": 10},
        "change": change.record, "evaluations": (found,), "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Iteration.model_validate({**values, **facts})


def add(store: RunStore, number: int, *, run_id: str = RUN, change: Change | None = None, **facts: Any) -> Iteration:
    """Add an iteration whose numbers follow from its number."""
    change = change or adapter(number)
    record = iteration(change, number, **facts)
    store.add_iteration(run_id, record, change, resume(number), state="reviewing", actor="me", action=record.action)
    return record


def filled(root: Path, iterations: int = 3, **facts: Any) -> RunStore:
    """A store with one run of a few iterations."""
    store = RunStore(root)
    store.begin(run(**facts), actor="me")
    for number in range(1, iterations + 1):
        add(store, number)
    return store


def same(mine: Mapping[str, Tensor] | None, theirs: Mapping[str, Tensor] | None) -> bool:
    """Whether two sets of tensors are equal bit for bit."""
    if mine is None or theirs is None:
        return mine is theirs
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
