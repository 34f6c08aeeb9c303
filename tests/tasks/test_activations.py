"""Remembered activations: computed once per example, only for the examples asked for, keyed by all that decides them."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lorasteer.errors import Interrupted, StoreError
from lorasteer.methods import METHODS, unlearn
from lorasteer.methods.pools import WATCHED
from lorasteer.tasks.activations import Activations, Memory, halting
from lorasteer.tasks.base import Base
from lorasteer.tasks.prefix import Cut, find_cut
from lorasteer.tasks.rows import DiskRows, MemoryRows
from lorasteer.tasks.vision.classifier import inputs_for
from lorasteer.tasks.vision.pixels import Preprocess
from tests.support.errors import refuses
from tests.support.toy import answers, toy_base, toy_data, toy_material, toy_plan, whole_class

SOME = np.array([7, 3, 200, 3, 11])


def activations(folder: Path | None = None, layer: str = "fc1", **rest: int) -> Activations:
    inputs = inputs_for(toy_base(), toy_data())
    cut = find_cut(toy_base().model, (layer,), inputs.batch("train", np.arange(4)))
    assert cut.boundary == layer
    return Activations(toy_base(), inputs, cut, folder, **rest)


class Counter:
    """Counts the examples that pass a module of the toy's base."""

    def __init__(self, name: str = "conv1") -> None:
        self.seen = 0
        self._handle = toy_base().model.get_submodule(name).register_forward_hook(self._count)

    def _count(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        self.seen += len(args[0])

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *error: object) -> None:
        self._handle.remove()


def test_memory_disk_and_spill_give_the_same_rows(tmp_path: Path) -> None:
    memory, disk, spill = activations(), activations(tmp_path), activations(memory_budget=100)
    rows = memory.rows("train", SOME)[0]
    assert rows.shape == (5, 64 * 2 * 2)
    assert rows.equal(disk.rows("train", SOME)[0])
    assert rows.equal(spill.rows("train", SOME)[0])
    assert isinstance(memory._stores["train"], MemoryRows)
    assert isinstance(disk._stores["train"], DiskRows)
    assert isinstance(spill._stores["train"], DiskRows)
    folder = spill._spill
    assert folder is not None
    assert list(folder.rglob("rows.f32"))
    del spill
    gc.collect()
    assert not folder.exists()


def test_rows_are_what_the_first_part_says() -> None:
    inputs = inputs_for(toy_base(), toy_data())
    with torch.no_grad():
        network = toy_base().model
        x = inputs.batch("train", SOME)
        for conv in (network.conv1, network.conv2):
            x = nn.functional.max_pool2d(conv(x).relu(), 2)
    torch.testing.assert_close(activations().rows("train", SOME)[0], x.flatten(1))


def test_an_examples_row_does_not_depend_on_the_others_asked_for_with_it() -> None:
    alone, many = activations(), activations()
    together = many.rows("train", np.arange(300))[0]
    for place in (0, 127, 128, 299):
        assert alone.rows("train", np.array([place]))[0][0].equal(together[place])


def test_each_example_is_computed_once() -> None:
    store = activations()
    with Counter() as count:
        store.rows("train", SOME)
        first = count.seen
        store.rows("train", SOME[::-1].copy())
        store.rows("train", np.array([3, 7]))
        assert count.seen == first
        store.rows("test", SOME)
        assert first == 128 + 2  # one block, and two to learn how large a row is
        assert count.seen == 2 * first
    assert store.seconds > 0


def test_a_cut_at_the_input_gives_the_images_and_remembers_nothing(tmp_path: Path) -> None:
    store = Activations(toy_base(), inputs_for(toy_base(), toy_data()), Cut(""), tmp_path)
    assert store.rows("train", SOME)[0].equal(store.inputs.batch("train", SOME))
    assert list(tmp_path.iterdir()) == []


def test_the_key_follows_base_data_and_cut(tmp_path: Path) -> None:
    store = activations()
    other_base = Base(toy_base().record, toy_base().copy())
    with torch.no_grad():
        other_base.model.fc2.bias[0] += 1e-6
    other_data = replace(store.inputs, preprocess=Preprocess(mean=(0.0,), std=(1.0,)))
    others = [
        replace(store, base=other_base),
        replace(store, inputs=other_data),
        activations(layer="fc2"),
    ]
    assert len({store.key, *(other.key for other in others)}) == 4
    assert replace(store, folder=tmp_path).key == store.key


def test_rows_of_another_base_are_never_read(tmp_path: Path) -> None:
    first = activations(tmp_path)
    wanted = first.rows("train", SOME)[0].clone()
    other = Base(toy_base().record, toy_base().copy())
    with torch.no_grad():
        other.model.conv1.bias += 1
    assert not replace(first, base=other, _stores={}).rows("train", SOME)[0].equal(wanted)
    assert activations(tmp_path).rows("train", SOME)[0].equal(wanted)


def test_all_changes_of_the_head_share_one_set_of_rows() -> None:
    memory = Memory(toy_base(), inputs_for(toy_base(), toy_data()))
    assert memory.before(("fc2",)) is memory.before(("fc1", "fc2"))
    assert memory.before(("fc1",)).cut.boundary == "fc1"
    assert memory.before(()).cut == Cut("")


def test_a_full_disk_is_one_line_and_the_rows_before_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = activations(tmp_path)
    store.rows("train", SOME)

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, refuses(StoreError, "No space left", "--cache"):
        patch.setattr("lorasteer.tasks.rows.os.fsync", fail)
        store.rows("train", np.arange(50))
    wanted, again = activations().rows("train", SOME)[0], activations(tmp_path)
    with Counter() as count:
        assert again.rows("train", SOME)[0].equal(wanted)
        assert count.seen == 0


ADAPTERS = METHODS.names(family="adapter", tasks="vision")


@pytest.mark.parametrize("method", ADAPTERS)
def test_a_cold_a_warm_and_a_disk_cache_give_the_same_change(method: str, tmp_path: Path) -> None:
    material, plan = toy_material(), toy_plan(method)
    cold, warm = unlearn(material, plan), unlearn(material, plan)
    written, read = unlearn(toy_material(folder=tmp_path), plan), unlearn(toy_material(folder=tmp_path), plan)
    assert len({change.record.tensors for change in (cold, warm, written, read)}) == 1
    assert cold.record.training.prefix_seconds > 0
    assert warm.record.training.prefix_seconds == 0
    assert read.record.training.prefix_seconds == 0


def test_cost_follows_the_forget_set_and_the_sample_not_the_training_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget set, 50 retain examples and 100 that are watched, in blocks of 10: not one block of the 1,019 retained more."""
    monkeypatch.setattr("lorasteer.methods.pools.WATCHED", 100)
    monkeypatch.setattr("lorasteer.tasks.activations.BLOCK", 10)
    material = toy_material()
    material.memory.before(("fc1", "fc2"))  # finding the cut looks at a few examples
    forget = len(whole_class().forget)
    with Counter() as count:
        unlearn(material, toy_plan("lora-ihl", settings={"retain": 50, "epochs": 20}))
    assert forget + 150 <= count.seen <= forget + 150 + 5 * 10
    assert count.seen < len(toy_data().train) / 2
    assert WATCHED == 1000


def test_logits_from_remembered_rows_are_those_of_the_full_forward() -> None:
    material = toy_material()
    change = unlearn(material, toy_plan("lora-ihl"))
    index = np.arange(len(toy_data().test))
    for model, layers in (
        (toy_base().model, ("fc1", "fc2")),
        (change.apply(toy_base()), change.layers),
        (change.apply(toy_base()), ()),
    ):
        told = material.logits(model, "test", index, layers=layers)
        torch.testing.assert_close(told, answers(model), rtol=1e-5, atol=1e-5)
    assert material.logits(toy_base().model, "test", index[:0]).shape == (0, 10)


def test_halted_between_two_blocks_what_was_computed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorasteer.tasks.activations.BLOCK", 10)
    remembered, asked, index = activations(), [0], np.arange(35)

    def after_two() -> bool:
        asked[0] += 1
        return asked[0] > 2

    with refuses(Interrupted, "stopped while 35 examples", "20 of them stay remembered"), halting(after_two):
        remembered.rows("train", index)
    with Counter() as count:
        rows = remembered.rows("train", index)
    assert count.seen == 20  # 15 examples in two blocks of 10, the last one filled up
    assert rows[0].equal(activations().rows("train", index)[0])
