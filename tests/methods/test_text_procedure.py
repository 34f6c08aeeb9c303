"""Training an adapter on text: what it forgets, what it leaves alone, what it costs, and that it goes on as if never stopped."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from lorasteer.changes import Change
from lorasteer.core.tokens import token_statistics
from lorasteer.errors import PlanError
from lorasteer.methods import Course, Start
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.text_procedure import autocast_type, train_text_adapter
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.tasks.base import Base, weights_digest
from lorasteer.tasks.language.material import TextMaterial
from lorasteer.tasks.tensors import digest_of
from tests.support.counted import counted
from tests.support.errors import refuses
from tests.support.tiny_text import (
    base_of,
    inputs_of,
    teach,
    tiny_base,
    tiny_material,
    tiny_plan,
    tiny_text,
    tiny_tokenizer,
)

QUICK = {"epochs": 2, "rank": 4, "alpha": 8.0, "learning_rate": 3e-3, "retain": 16, "forget_probability": None}
UPPER = ("model.layers.1", "model.layers.2")


def away(batch: TokenBatch) -> Tensor:
    """Inverted hinge with a margin of one half: bounded, so a test does not depend on where it stops."""
    said = batch.statistics
    return batch.mean((0.5 + said.log_prob.exp() - said.rival_log_prob.exp()).clamp(min=0))


AWAY = TokenObjective(away)


def trained(
    material: TextMaterial | None = None, *, course: Course | None = None, objective: TokenObjective | None = AWAY,
    plan: dict[str, Any] | None = None, **values: Any,
) -> Change:  # fmt: skip
    """An adapter by the quick settings and these."""
    material, values = material or tiny_material(), {**QUICK, **values}
    settings = TextAdapterSettings.model_validate(values)
    made = tiny_plan(material=material, **{**values, **(plan or {})})
    return train_text_adapter(material, made, settings, objective, course or Course())


def probability(model: nn.Module, index: np.ndarray, base: Base | None = None) -> float:
    """Mean probability of the answers to some examples."""
    material = tiny_material(base)
    tokens, network = material.inputs.tokens("train", index), material.network(model)
    with torch.no_grad():
        said = token_statistics(network.at_targets(tokens), network.head_weight, network.head_bias, tokens.targets[2])
    row = tokens.targets[0]
    mean = torch.zeros(len(tokens)).index_add(0, row, said.log_prob) / torch.bincount(row)
    return mean.exp().mean().item()


def numbers(change: Change) -> dict[str, Tensor]:
    return dict(change.tensors)  # type: ignore[attr-defined]


def near(one: Change, other: Change, tolerance: float) -> bool:
    """Whether two adapters hold the same numbers but for rounding."""
    return all(torch.allclose(value, numbers(other)[name], atol=tolerance) for name, value in numbers(one).items())


def same(one: Change, other: Change) -> bool:
    """Whether numbers, and all that a further training starts from, are equal to the bit."""
    assert one.resume
    assert other.resume
    return one.record.tensors == other.record.tensors and digest_of(one.resume) == digest_of(other.resume)


def test_the_forget_set_goes_and_the_rest_stays_and_the_base_is_not_touched() -> None:
    base, before = tiny_base(), weights_digest(tiny_base().model)
    change = trained(epochs=20, forget_probability=0.5, learning_rate=1e-2, retain=36, retain_within=0.06)
    model = change.apply(base)

    assert change.record.training.reason == "aim reached"
    assert probability(base.model, np.arange(12)) > 0.95
    assert probability(model, np.arange(12)) <= 0.5
    assert probability(model, np.arange(12, 48)) > 0.9
    assert weights_digest(base.model) == before
    assert weights_digest(change.apply(base, strength=0)) == before


def test_all_linear_layers_of_the_blocks_are_adapted_unless_others_are_named() -> None:
    kinds = {layer.rpartition(".")[2] for layer in trained(epochs=0).layers}

    assert kinds == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert {layer.rpartition(".")[2] for layer in trained(epochs=0, layers=("model.layers.2.mlp",)).layers} == {
        "gate_proj", "up_proj", "down_proj"
    }  # fmt: skip


def test_an_example_passes_once_a_step_and_the_head_speaks_for_answer_tokens_only() -> None:
    material = tiny_material()
    answer_tokens = int((material.inputs.tokens("train", np.arange(48)).labels != -100).sum(1).max())
    trained(material, epochs=1, batch_size=4)  # what the base says is remembered from here on
    with counted() as counts:
        trained(material, epochs=1, batch_size=4)

    assert sum(counts.passes) == 6 * 6  # two forget and four retain examples
    assert counts.head
    assert max(counts.head) <= 4 * answer_tokens


def test_passes_of_alike_lengths_say_what_one_pass_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a pass costs by itself, so whatever the groups are, and however many passes there are."""
    found, passes = [], []
    for cost in (0, 3, 10**6):
        monkeypatch.setattr("lorasteer.tasks.language.lengths.PASS", cost)
        with counted() as counts:
            found.append(gradient(anchor_weight=1.0, rank=2))
        passes.append(len(counts.passes))

    assert passes[0] > passes[2]
    assert all(torch.allclose(one, found[-1], atol=1e-6) for one in found)


def test_what_the_base_says_is_asked_once_for_each_example() -> None:
    material = tiny_material()
    with counted() as first:
        trained(material, epochs=3)
    with counted() as second:
        trained(material, epochs=3)

    assert sum(second.passes) == 3 * (12 + 6 * 16)  # twelve to forget, in six steps beside all sixteen retained ones
    assert sum(first.passes) - sum(second.passes) == 12 + 16


def test_a_loss_that_does_not_ask_the_base_is_given_nothing_of_it() -> None:
    seen: list[int] = []

    def watching(batch: TokenBatch) -> Tensor:
        seen.append(len(batch.reference))
        return away(batch)

    asking = trained(objective=TokenObjective(watching), epochs=1)
    assert all(seen)
    seen.clear()
    assert same(trained(objective=TokenObjective(watching, asks_base=False), epochs=1), asking)
    assert not any(seen)


def test_below_the_first_adapted_block_nothing_is_computed_again() -> None:
    """The same numbers as a pass through all blocks, from remembered states."""
    full, short = tiny_material(), tiny_material()
    object.__setattr__(full.memory, "before", lambda layers: type(short.before(UPPER))(full.memory, 0))
    ran = dict.fromkeys(range(3), 0)
    one = trained(full, layers=UPPER)
    with pytest.MonkeyPatch.context() as patch:
        block = type(tiny_base().model.get_submodule("model.layers.0"))
        usual = block.forward

        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            ran[self.self_attn.layer_idx] += 1
            return usual(self, *args, **kwargs)

        patch.setattr(block, "forward", forward)
        other = trained(short, layers=UPPER)
    assert short.before(UPPER).depth == 1
    assert near(one, other, 1e-4)
    assert ran[1] == ran[2]
    assert ran[0] < ran[1]


@pytest.mark.parametrize("anchor", ["kl", "cross-entropy"])
def test_an_anchor_holds_what_training_alone_would_break(anchor: str) -> None:
    free = trained(epochs=6, anchor="none", learning_rate=1e-2)
    held = trained(epochs=6, anchor=anchor, learning_rate=1e-2)
    retained = np.arange(12, 48)

    assert probability(held.apply(tiny_base()), retained) > probability(free.apply(tiny_base()), retained) + 0.05


def test_without_an_objective_only_retained_examples_are_learned_from() -> None:
    change = trained(objective=None, anchor="cross-entropy")

    assert change.record.training.steps == 2
    assert probability(change.apply(tiny_base()), np.arange(12, 48)) > 0.9


def test_a_direction_decides_what_goes() -> None:
    weights = (1.0,) * 6 + (0.0,) * 6
    model = trained(epochs=10, learning_rate=1e-2, plan={"weights": weights}).apply(tiny_base())

    assert probability(model, np.arange(6)) < 0.5
    assert probability(model, np.arange(6, 12)) > 0.9


@pytest.mark.parametrize("init", ["zero", "fila"])
def test_two_runs_of_two_epochs_are_one_of_four(init: str) -> None:
    settings = {"init": init, "forget_probability": 0.01}
    whole, half = trained(epochs=4, **settings), trained(epochs=2, **settings)
    second = trained(epochs=2, course=Course(start=Start(half, half.resume)), **settings)

    assert whole.record.training.reason == half.record.training.reason == "finished"
    assert not same(half, whole)
    assert same(second, whole)
    assert second.record.training.steps == whole.record.training.steps


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    assert trained(plan={"seed": 1}).record.tensors == trained(plan={"seed": 1}).record.tensors
    assert trained(plan={"seed": 1}).record.tensors != trained(plan={"seed": 2}).record.tensors


def test_blocks_computed_again_and_steps_in_parts_have_the_same_gradient() -> None:
    plain, again, parts = (
        gradient(**values)
        for values in (
            {},
            {"checkpointing": True},
            {"accumulate": 3},
        )
    )
    assert plain.abs().max() > 1e-3
    assert torch.allclose(plain, again, atol=1e-7)
    assert torch.allclose(plain, parts, atol=1e-6)


def gradient(**values: Any) -> Tensor:
    """Gradient of the first step in the adapter's matrices, as one vector."""
    seen: list[Tensor] = []

    def stop(model: nn.Module, *more: Any, **how: Any) -> None:
        batches, loss = more[:2]
        loss(next(iter(batches.epoch(torch.Generator().manual_seed(0))))).backward()
        seen.append(torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None]))
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lorasteer.methods.text_procedure.fit_watched", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(**values)
    return seen[0]


def test_short_arithmetic_has_nearly_the_same_gradient() -> None:
    exact, short = gradient(), gradient(precision="bf16")

    assert not torch.equal(exact, short)
    assert torch.cosine_similarity(exact, short, dim=0) > 0.95


def test_a_base_of_short_numbers_forgets_in_its_own_arithmetic() -> None:
    short = base_of(tiny_base().copy().to(torch.bfloat16))
    material, settings = tiny_material(short), TextAdapterSettings()
    change = trained(material, epochs=20)

    assert autocast_type(material, settings) == torch.bfloat16
    assert autocast_type(tiny_material(), settings) is None
    assert {tensor.dtype for tensor in change.tensors.values()} == {torch.float32}
    assert probability(change.apply(short), np.arange(12), short) < 0.5 * probability(short.model, np.arange(12), short)
    assert probability(change.apply(short), np.arange(12, 48), short) > 0.8


def test_a_person_may_stop_it_and_keeps_a_usable_change() -> None:
    seen: list[int] = []
    change = trained(course=Course([lambda progress: seen.append(progress.step) or progress.step == 3]))

    assert seen == [1, 2, 3]
    assert (change.record.training.reason, change.record.training.steps) == ("stopped", 3)
    assert probability(change.apply(tiny_base()), np.arange(12, 48)) > 0.9


def test_numbers_that_are_not_finite_end_it_at_the_last_good_state() -> None:
    steps = iter(range(100))

    def bad(batch: TokenBatch) -> Tensor:
        return away(batch) * (float("nan") if next(steps) == 4 else 1.0)

    change = trained(objective=TokenObjective(bad))
    assert change.record.training.reason == "diverged"
    assert all(value.isfinite().all() for value in numbers(change).values())
    assert probability(change.apply(tiny_base()), np.arange(12, 48)) > 0.9


def test_a_loss_is_given_the_base_the_position_and_the_other_answer() -> None:
    seen: list[TokenBatch] = []

    def watching(batch: TokenBatch) -> Tensor:
        seen.append(batch)
        assert batch.alternative is not None
        return away(batch) - batch.alternative.mean(batch.alternative.statistics.log_prob)

    trained(objective=TokenObjective(watching, alternatives="perturbed"), epochs=1)
    assert sorted(torch.cat([batch.position for batch in seen]).tolist()) == list(range(12))
    first = seen[0]
    assert first.alternative is not None
    assert torch.allclose(first.hidden, first.reference, atol=1e-5)  # an adapter begins by adding nothing
    assert torch.allclose(first.alternative.hidden, first.alternative.reference, atol=1e-5)
    assert first.alternative.rows == first.rows


@pytest.mark.parametrize("layers", [(), UPPER])
def test_other_answers_become_likelier(layers: tuple[str, ...]) -> None:
    def instead(batch: TokenBatch) -> Tensor:
        assert batch.alternative is not None
        return -batch.alternative.mean(batch.alternative.statistics.log_prob)

    change = trained(objective=TokenObjective(instead, alternatives="refusal"), epochs=6, learning_rate=1e-2, layers=layers)
    inputs = inputs_of(tiny_text())
    tokens = inputs.encode(list(inputs.data.train.prompts[:12]), ["what is a town ?"] * 12)
    odds = []
    for model in (tiny_base().model, change.apply(tiny_base())):
        network = tiny_material().network(model)
        with torch.no_grad():
            hidden = network.at_targets(tokens)
            odds.append(token_statistics(hidden, network.head_weight, None, tokens.targets[2]).log_prob.mean().item())
    assert odds[1] > odds[0] + 3


def test_an_objective_may_read_a_block_and_hold_the_rest_there() -> None:
    def far(batch: TokenBatch) -> Tensor:
        return batch.mean((batch.hidden - 1).square().mean(1))

    def close(batch: TokenBatch) -> Tensor:
        return batch.mean((batch.hidden - batch.reference).square().mean(1))

    change = trained(objective=TokenObjective(far, layer=-2, anchor=close), layers=("model.layers.1",), anchor_weight=1.0)
    tokens = tiny_material().inputs.tokens("train", np.arange(12))
    with torch.no_grad():
        was, now = (
            tiny_material().network(model).hidden(tokens, layer=1) for model in (tiny_base().model, change.apply(tiny_base()))
        )
    assert not torch.allclose(was, now, atol=1e-3)
    with refuses(PlanError, "block 0", "block 1"):
        trained(objective=TokenObjective(far, layer=0, anchor=close), layers=("model.layers.1",))
    with refuses(PlanError, "block 3", "0 to 2"):
        trained(objective=TokenObjective(far, layer=3, anchor=close))


@functools.cache
def tiny_gpt2() -> Base:
    """A GPT-2, which holds its weights input by output."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tiny_tokenizer()), n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=1, eos_token_id=2
    )
    return base_of(teach(GPT2LMHeadModel(config).eval(), inputs_of(tiny_text()), range(48), steps=300))


@pytest.mark.parametrize("init", ["zero", "fila"])
def test_gpt2_forgets_too_and_merges_to_the_same_model(init: str) -> None:
    base = tiny_gpt2()
    change = trained(tiny_material(base), epochs=8, learning_rate=1e-2, init=init)
    tokens = tiny_material(base).inputs.tokens("train", np.arange(12))
    with torch.no_grad():
        applied, merged = (tiny_material(base).network(made(base)).hidden(tokens) for made in (change.apply, change.merged))

    assert probability(change.apply(base), np.arange(12), base) < 0.5 * probability(base.model, np.arange(12), base)
    assert torch.allclose(applied, merged, atol=1e-4)


def test_a_rank_that_does_not_fit_is_refused() -> None:
    with refuses(PlanError, "rank 40", "allows"):
        trained(rank=40)
