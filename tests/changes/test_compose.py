"""Composed changes: adapters add up exactly, weights keep their order below them, and all of it is saved and undone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lorasteer.changes import AdapterChange, ComposedChange, WeightChange, compose, load_change, save_change, weight_change
from lorasteer.errors import PlanError, WeightsError
from lorasteer.tasks.base import Base, weights_digest
from tests.changes.test_adapter import delta, random_adapter, stock
from tests.support.errors import refuses
from tests.support.toy import answers, toy_base


def weights(name: str) -> Tensor:
    return toy_base().model.get_parameter(name)


def biased(row: int, value: float) -> WeightChange:
    bias = weights("fc2.bias").clone()
    bias[row] = value
    return weight_change(toy_base(), {"fc2.bias": bias})


def test_adapters_add_up_exactly_across_layers_ranks_and_strengths() -> None:
    """W + 1 * d1 + 0.5 * d2 on fc1, only d2 on fc2, only d1 on conv2: sums of the updates, not of the matrices."""
    one = random_adapter(toy_base(), ("conv2", "fc1"), rank=2, alpha=3.0)
    two = random_adapter(toy_base(), ("fc1", "fc2"), rank=5, alpha=4.0, seed=1).at(0.5)
    both = compose(toy_base(), [one, two])
    assert isinstance(both, AdapterChange)
    assert set(both.layers) == {"conv2", "fc1", "fc2"}
    merged = both.merged(toy_base())
    wanted = weights("fc1.weight") + delta(one, "fc1") + 0.5 * delta(two, "fc1")
    torch.testing.assert_close(merged.get_parameter("fc1.weight"), wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        merged.get_parameter("fc2.weight"), weights("fc2.weight") + 0.5 * delta(two, "fc2"), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(
        merged.get_parameter("conv2.weight"), one.merged(toy_base()).get_parameter("conv2.weight"), rtol=1e-5, atol=1e-5
    )


def test_the_order_of_adapters_does_not_matter() -> None:
    parts = [random_adapter(toy_base(), ("fc1", "fc2"), seed=seed) for seed in (0, 1, 2)]
    forwards, backwards = compose(toy_base(), parts), compose(toy_base(), parts[::-1])
    torch.testing.assert_close(answers(forwards.apply(toy_base())), answers(backwards.apply(toy_base())), rtol=1e-4, atol=1e-4)


def test_an_adapter_and_the_same_one_again_is_twice_the_update() -> None:
    one = random_adapter(toy_base(), ("fc1",), alpha=2.0)
    twice = compose(toy_base(), [one, one])
    torch.testing.assert_close(
        twice.merged(toy_base()).get_parameter("fc1.weight"), weights("fc1.weight") + 2 * delta(one, "fc1")
    )


def test_composing_again_what_was_composed() -> None:
    parts = [random_adapter(toy_base(), ("fc1", "fc2"), seed=seed, alpha=2.0) for seed in (0, 1, 2)]
    nested = compose(toy_base(), [compose(toy_base(), parts[:2]).at(0.5), parts[2]])
    wanted = weights("fc1.weight") + 0.5 * (delta(parts[0], "fc1") + delta(parts[1], "fc1")) + delta(parts[2], "fc1")
    torch.testing.assert_close(nested.merged(toy_base()).get_parameter("fc1.weight"), wanted, rtol=1e-5, atol=1e-5)


def test_of_two_weight_changes_to_the_same_number_the_later_wins() -> None:
    first, second, third = biased(3, -1.0), biased(3, -2.0), biased(4, 5.0)
    for parts, wanted in (([first, second], -2.0), ([second, first], -1.0), ([first, second, third], -2.0)):
        both = compose(toy_base(), parts)
        assert both.apply(toy_base()).get_parameter("fc2.bias")[3] == wanted
    assert both.apply(toy_base()).get_parameter("fc2.bias")[4] == 5.0
    assert both.layers == ("fc2",)


def test_weights_and_an_adapter_on_top_of_them() -> None:
    edit = weight_change(toy_base(), {"fc2.weight": torch.zeros_like(weights("fc2.weight"))})
    adapter = random_adapter(toy_base(), ("fc2",), alpha=2.0)
    for parts in ([edit, adapter], [adapter, edit]):
        both = compose(toy_base(), parts)
        assert isinstance(both, ComposedChange)
        merged = both.merged(toy_base())
        torch.testing.assert_close(merged.get_parameter("fc2.weight"), delta(adapter, "fc2"))
        torch.testing.assert_close(answers(both.apply(toy_base())), answers(merged), rtol=1e-4, atol=1e-4)


def test_strength_multiplies_each_parts_own() -> None:
    """Bias 3 goes from b to -1 at strength 0.5 * 0.5; the adapter adds 0.5 * 1 of its update."""
    both = compose(toy_base(), [biased(3, -1.0).at(0.5), random_adapter(toy_base(), ("fc1",), alpha=2.0)])
    model = both.merged(toy_base(), strength=0.5)
    before = weights("fc2.bias")[3]
    torch.testing.assert_close(model.get_parameter("fc2.bias")[3], before + 0.25 * (-1 - before))
    adapter = both.parts()[-1]
    torch.testing.assert_close(model.get_parameter("fc1.weight"), weights("fc1.weight") + 0.5 * delta(adapter, "fc1"))
    assert both.at(0.5).record.strength == 0.5
    assert answers(both.at(0.5).apply(toy_base())).equal(answers(both.apply(toy_base(), strength=0.5)))


def test_strength_0_is_the_base_bit_for_bit_and_the_base_stays() -> None:
    base, before = toy_base(), weights_digest(toy_base().model)
    both = compose(base, [biased(3, -1.0), random_adapter(base, ("conv1", "fc1"))])
    for model in (both.apply(base, strength=0), both.merged(base, strength=0)):
        assert weights_digest(model) == base.digest
        assert answers(model).equal(answers(base.model))
    both.merged(base).get_parameter("conv1.weight").data.zero_()
    assert weights_digest(base.model) == before
    with refuses(WeightsError, "strength 2"):
        both.apply(base, strength=2)


def test_parts_without_strength_leave_the_others_in_force() -> None:
    both = compose(toy_base(), [biased(3, -1.0), random_adapter(toy_base(), ("fc1",)).at(0)])
    only = biased(3, -1.0).apply(toy_base())
    for model in (both.apply(toy_base()), both.merged(toy_base())):
        assert answers(model).equal(answers(only))


def test_composed_with_a_strength_above_one() -> None:
    """A part of strength 1.5 under a factor of 1.5 would be 2.25; it is held at 1.5 as a single change is."""
    both = compose(toy_base(), [biased(3, -1.0).at(1.5), random_adapter(toy_base(), ("fc1",), alpha=2.0).at(1.5)])
    model, before = both.merged(toy_base(), strength=1.5), weights("fc2.bias")[3]
    torch.testing.assert_close(model.get_parameter("fc2.bias")[3], before + 1.5 * (-1 - before))
    adapter = both.parts()[-1]
    torch.testing.assert_close(model.get_parameter("fc1.weight"), weights("fc1.weight") + 1.5 * delta(adapter, "fc1"))


def test_saved_and_loaded_composed(tmp_path: Path) -> None:
    both = compose(toy_base(), [biased(3, -1.0), biased(4, 2.0), random_adapter(toy_base(), ("fc1", "conv2"))]).at(0.7)
    back = load_change(save_change(both, tmp_path / "both"), toy_base())
    assert back.record == both.record
    assert [part.kind for part in back.record.parts] == ["weights", "weights", "adapter"]
    assert answers(back.apply(toy_base())).equal(answers(both.apply(toy_base())))


def test_the_digest_follows_parts_order_and_strength() -> None:
    one, two, adapter = biased(3, -1.0), biased(3, -2.0), random_adapter(toy_base(), ("fc1",))
    orders = [[one, two], [two, one], [one, adapter], [one.at(0.5), two], [one, adapter.at(0.5)]]
    digests = [compose(toy_base(), parts).record.tensors for parts in orders]
    assert len(set(digests)) == len(orders)
    assert compose(toy_base(), [one, two]).record.tensors == digests[0]


def test_one_change_alone_is_itself_in_effect() -> None:
    adapter = random_adapter(toy_base(), ("fc1",)).at(0.5)
    alone = compose(toy_base(), [adapter])
    assert answers(alone.apply(toy_base())).equal(answers(adapter.apply(toy_base())))


def test_nothing_and_changes_of_another_base_are_refused() -> None:
    with refuses(PlanError, "nothing to compose"):
        compose(toy_base(), [])
    other = Base(toy_base().record, toy_base().copy())
    with torch.no_grad():
        other.model.get_parameter("fc1.bias")[0] += 1
    with refuses(WeightsError, "was made for base"):
        compose(other, [biased(3, 1.0)])


@pytest.mark.parametrize("first", ["adapter", "weights"])
def test_a_composed_adapter_loads_in_stock_peft(first: str, tmp_path: Path) -> None:
    parts = [random_adapter(toy_base(), ("fc1", "fc2"), seed=seed, alpha=2.0) for seed in (0, 1)]
    both = compose(toy_base(), parts if first == "adapter" else [biased(3, 1.0), *parts])
    adapter = both if isinstance(both, AdapterChange) else both.parts()[-1]
    folder = save_change(adapter, tmp_path / "change")
    torch.testing.assert_close(
        answers(stock(toy_base().copy(), folder)), answers(adapter.apply(toy_base())), rtol=1e-5, atol=1e-5
    )


def test_kept_apart_it_says_what_joined_says_and_parts_again(tmp_path: Path) -> None:
    one = random_adapter(toy_base(), ("fc1", "fc2"), rank=2)
    two = random_adapter(toy_base(), ("fc2",), rank=5, seed=1).at(0.5)
    edit = biased(3, -1.0)
    for parts in ([one, two], [one, edit, two]):
        joined, apart = compose(toy_base(), parts), compose(toy_base(), parts, apart=True)
        assert isinstance(apart, ComposedChange)
        for strength in (0.5, 1.0, 1.5):
            wanted = answers(joined.apply(toy_base(), strength=strength))
            for model in (apart.apply(toy_base(), strength=strength), apart.merged(toy_base(), strength=strength)):
                torch.testing.assert_close(answers(model), wanted, rtol=1e-4, atol=1e-3)
        back = load_change(save_change(apart, tmp_path / f"of{len(parts)}"), toy_base())
        assert isinstance(back, ComposedChange)
        assert [part.record for part in back.parts()] == [part.record for part in (edit, one, two) if part in apart.parts()]
        assert answers(compose(toy_base(), [back.parts()[-1]]).apply(toy_base())).equal(answers(two.apply(toy_base())))
    assert compose(toy_base(), [one], apart=True) is one
