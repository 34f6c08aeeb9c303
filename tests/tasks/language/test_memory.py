"""Remembered states: equal to the full pass, computed once, kept on disk, the same numbers whoever asks first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lorasteer.errors import Interrupted
from lorasteer.tasks.activations import halting
from lorasteer.tasks.language.memory import TextMemory
from lorasteer.tasks.language.model import text_inputs_for
from tests.tasks.language import build

INDEX = np.array([3, 0, 17, 8, 3])


def memory_of(family: str = "llama", folder: Path | None = None, **more: int) -> TextMemory:
    base = build.base(family)
    return TextMemory(base, text_inputs_for(base, build.data()), folder, **more)


@pytest.mark.parametrize("family", build.FAMILIES)
def test_from_remembered_states_on_it_equals_the_full_pass(family: str) -> None:
    memory = memory_of(family)
    network = memory.network
    layers = network.linear_layers()
    tokens = memory.inputs.tokens("train", INDEX)
    real = tokens.mask.bool()
    with torch.no_grad():
        full = network.hidden(tokens)
        for last in (1, 5):  # adapters in the last layer alone, and in the last five
            before = memory.before(layers[-last:])
            assert before.depth >= 1
            given = network.hidden(tokens, start=before.start("train", INDEX))
            assert torch.allclose(given[real], full[real], rtol=1e-5, atol=1e-5)
        row, column, _ = tokens.targets
        assert torch.allclose(memory.reference("train", INDEX), full[row, column], rtol=1e-5, atol=1e-5)
        block = network.hidden(tokens, layer=1)
        assert torch.allclose(memory.reference("train", INDEX, layer=1), block[row, column], rtol=1e-5, atol=1e-5)


def test_with_the_first_block_adapted_nothing_is_remembered() -> None:
    memory = memory_of()
    before = memory.before(memory.network.linear_layers())
    assert before.depth == 0
    assert before.start("train", INDEX) is None
    assert memory.before([]) is before
    with pytest.raises(ValueError, match="nothing is remembered"):
        before.warm("train", INDEX)


def test_each_example_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = memory_of()
    before = memory.before(["model.layers.2"])
    before.states("train", np.array([0, 1]))
    memory.reference("train", np.array([0, 1]))
    spent = memory.seconds
    assert spent > 0
    monkeypatch.setattr(type(memory.network), "hidden", lambda *_, **__: pytest.fail("computed again"))
    assert before.states("train", np.array([1, 0, 1])).shape[0] == 3
    memory.reference("train", np.array([1]))
    assert memory.seconds == spent


def test_an_examples_numbers_do_not_depend_on_its_company() -> None:
    first, second = memory_of(), memory_of()
    alone = first.before(["model.layers.2"]).states("train", np.array([5]))
    second.before(["model.layers.2"]).warm("train", np.arange(30))
    assert second.before(["model.layers.2"]).states("train", np.array([5])).equal(alone)


@pytest.mark.parametrize("layer", [None, 2])
def test_warmed_together_the_numbers_are_those_of_two_passes(layer: int | None) -> None:
    apart, together, index = memory_of(), memory_of(), np.arange(20)
    before = together.before(["model.layers.2"])
    together.reference("train", np.array([3]), layer=layer)  # one of the two is there already
    together.warm("train", index, before, layer=layer)
    spent = together.seconds
    assert before.states("train", index).equal(apart.before(["model.layers.2"]).states("train", index))
    assert together.reference("train", index, layer=layer).equal(apart.reference("train", index, layer=layer))
    assert together.seconds == spent > 0


def test_warmed_at_the_tokens_only_the_reference_is_there() -> None:
    memory = memory_of()
    memory.warm("train", INDEX, memory.before([]))
    assert memory.reference("train", INDEX).equal(memory_of().reference("train", INDEX))


def test_padding_is_zero() -> None:
    memory = memory_of()
    states = memory.before(["model.layers.1"]).states("train", INDEX)
    tokens = memory.inputs.tokens("train", INDEX)
    assert states.shape == (*tokens.ids.shape, 32)
    assert (states[tokens.mask == 0] == 0).all()
    assert memory.before(["model.layers.1"]).states("train", INDEX[:0]).shape == (0, 0, 32)


@pytest.mark.parametrize("way", ["folder", "budget"])
def test_on_disk_the_same_rows_are_found_again(way: str, tmp_path: Path) -> None:
    wanted = memory_of().before(["model.layers.2"]).states("train", INDEX)
    one = memory_of(folder=tmp_path) if way == "folder" else memory_of(memory_budget=10)
    assert one.before(["model.layers.2"]).states("train", INDEX).equal(wanted)
    if way == "folder":
        again = memory_of(folder=tmp_path)
        assert again.before(["model.layers.2"]).states("train", INDEX).equal(wanted)
        rows = again.before(["model.layers.2"]).warm("train", INDEX)
        assert len(rows.missing(np.arange(30))) == 26


def test_test_examples_have_rows_of_their_own() -> None:
    before = memory_of().before(["model.layers.2"])
    train, test = (before.states(part, np.array([0])) for part in ("train", "test"))  # type: ignore[arg-type]
    assert train.shape != test.shape or not train.equal(test)


def test_a_person_may_halt_it() -> None:
    before = memory_of().before(["model.layers.2"])
    with halting(lambda: True), pytest.raises(Interrupted, match="0 of them stay remembered"):
        before.states("train", INDEX)
    assert before.states("train", INDEX).shape[0] == 5
