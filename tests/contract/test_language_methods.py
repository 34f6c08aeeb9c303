"""The contract of every method that works on text, on one tiny model that knows a few facts by heart."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from torch import Tensor, nn

from lorasteer.changes import AdapterChange, Change, load_change, save_change
from lorasteer.core.tokens import per_example, token_statistics
from lorasteer.errors import PlanError
from lorasteer.methods import METHODS, Start, settings_of, unlearn
from lorasteer.methods.text_objective import StepLoss
from lorasteer.methods.tokens import TokenBatch, TokenObjective
from lorasteer.records import Plan
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.language.inputs import IGNORED, Tokens
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.training import Progress
from tests.support.tiny_text import inputs_of, tiny_base, tiny_material, tiny_plan, tiny_text
from tests.support.toy import hooks_of

METHOD_NAMES = METHODS.names(tasks="language")
TAUGHT = {"learning_rate": 5e-3, "epochs": 8, "retain": 36, "batch_size": 12, "forget_probability": None}
SHORT = {**TAUGHT, "epochs": 1, "retain": 6}
MORE: dict[str, dict[str, Any]] = {
    # tokens that are known by heart have little weight there, and few layers learn here
    "satimp": {"beta1": 1.0},
    "rmu": {"learning_rate": 1e-2},
}
"""Settings of methods that are slow on what a tiny model knows so well."""
RETAIN_MAY_LOSE = 0.15  # of the mean probability of retained answers, where something holds them in place


def each_method(check: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.parametrize("name", METHOD_NAMES)(check)


def where(condition: Callable[[str], bool]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return lambda check: pytest.mark.parametrize("name", [name for name in METHOD_NAMES if condition(name)])(check)


def anchored(name: str) -> bool:
    settings: Any = settings_of(name, {}, task="language")
    # cross-entropy of weight 1 beside an unbounded forget term is the method itself, and holds little
    return settings.anchor == "kl"


def plan_of(name: str, **values: Any) -> Plan:
    return tiny_plan(name, **{**TAUGHT, **MORE.get(name, {}), **values})


def short(name: str, **values: Any) -> Change:
    return unlearn(tiny_material(), tiny_plan(name, **{**SHORT, **values}))


@cache
def once(name: str) -> Change:
    """What a short run makes, made once."""
    return short(name)


@cache
def usual(name: str) -> AdapterChange:
    """The change that each method is judged by, made once."""
    change = unlearn(tiny_material(), plan_of(name))
    assert isinstance(change, AdapterChange)
    return change


def hidden_at_targets(model: nn.Module) -> Tensor:
    tokens = inputs_of(tiny_text()).tokens("train", np.arange(48))
    with torch.no_grad():
        return Network.of(model).at_targets(tokens)


def probability(model: nn.Module, *, forgotten: bool) -> float:
    """Mean over examples of exp(mean log p) of the answer's tokens, of the first 12 examples or of the others."""
    tokens, network = inputs_of(tiny_text()).tokens("train", np.arange(48)), Network.of(model)
    row, _, labels = tokens.targets
    said = token_statistics(hidden_at_targets(model), network.head_weight, network.head_bias, labels).log_prob
    total, count = per_example(said, row, 48)
    each = (total / count).exp()
    return float((each[:12] if forgotten else each[12:]).mean())


@pytest.fixture(scope="module", autouse=True)
def _weights_are_taken_down() -> None:
    weights_at_first()


@cache
def weights_at_first() -> str:
    return weights_digest(tiny_base().model)


def untouched() -> bool:
    """Whether the base is bit for bit what it was, and carries nothing."""
    model = tiny_base().model
    return weights_digest(model) == weights_at_first() and not hooks_of(model)


@each_method
def test_the_facts_are_complete_and_known(name: str) -> None:
    entry = METHODS[name]
    assert entry.summary.endswith(".")
    assert entry["needs"] <= {"labels", "retain"}
    assert entry["scope"] == {"class", "examples"}
    assert entry["paper"]
    assert entry["family"] == entry.factory.__module__.split(".")[-2]


@each_method
def test_every_setting_is_explained_and_unknown_ones_are_refused(name: str) -> None:
    for field, facts in type(settings_of(name, {}, task="language")).model_fields.items():
        assert facts.description, f"{name}.{field} has no docstring"
    with pytest.raises(PlanError, match=f"setting of '{name}': no_such_setting: Extra inputs are not permitted"):
        settings_of(name, {"no_such_setting": 1}, task="language")


@each_method
def test_the_base_is_bit_identical_and_undo_restores_its_answers(name: str) -> None:
    said = hidden_at_targets(tiny_base().model)
    applied = usual(name).apply(tiny_base())
    assert not hidden_at_targets(applied).equal(said)
    del applied
    assert untouched()
    assert hidden_at_targets(tiny_base().view()).equal(said)


@each_method
def test_same_plan_same_change_from_json_too(name: str) -> None:
    first = once(name)
    plan = first.record.plan
    assert plan is not None
    second = unlearn(tiny_material(), Plan.from_json(plan.to_json()))
    assert second.record.tensors == first.record.tensors
    assert second.record.plan == plan
    assert short(name, seed=2).record.tensors != first.record.tensors


@each_method
def test_strength_0_changes_nothing_bit_for_bit(name: str) -> None:
    said = hidden_at_targets(tiny_base().model)
    for model in (usual(name).apply(tiny_base(), strength=0), usual(name).merged(tiny_base(), strength=0)):
        assert hidden_at_targets(model).equal(said)


@where(lambda name: METHODS[name]["forgets"])
def test_the_target_is_forgotten(name: str) -> None:
    assert probability(tiny_base().model, forgotten=True) > 0.95
    assert probability(usual(name).apply(tiny_base()), forgotten=True) < 0.5


@where(anchored)
def test_the_rest_is_retained(name: str) -> None:
    lost = probability(tiny_base().model, forgotten=False) - probability(usual(name).apply(tiny_base()), forgotten=False)
    assert lost < RETAIN_MAY_LOSE


@where(lambda name: METHODS[name]["forgets"])
def test_half_the_strength_forgets_less(name: str) -> None:
    half, whole = (probability(usual(name).apply(tiny_base(), strength=one), forgotten=True) for one in (0.3, 1.0))
    assert whole < half


@each_method
def test_a_stop_request_leaves_a_usable_change(name: str) -> None:
    told: list[int] = []

    def stop(progress: Progress) -> bool:
        told.append(progress.step)
        return True

    change = unlearn(tiny_material(), tiny_plan(name, **SHORT), [stop])
    assert told == [1]
    assert change.record.training.reason == "stopped"
    assert hidden_at_targets(change.apply(tiny_base())).isfinite().all()
    assert untouched()


@each_method
def test_nothing_is_left_behind_when_an_observer_breaks(name: str) -> None:
    def crash(progress: Progress) -> None:
        raise ZeroDivisionError("broken observer")

    with pytest.raises(ZeroDivisionError):
        unlearn(tiny_material(), tiny_plan(name, **SHORT), [crash])
    assert untouched()


@each_method
def test_two_runs_that_go_on_are_one(name: str) -> None:
    first = once(name)
    assert first.record.plan is not None
    second = unlearn(tiny_material(), first.record.plan, start=Start(first, first.resume))
    assert second.record.tensors == short(name, epochs=2).record.tensors != first.record.tensors


@each_method
def test_no_epochs_change_nothing(name: str) -> None:
    change = short(name, epochs=0)
    assert hidden_at_targets(change.apply(tiny_base())).equal(hidden_at_targets(tiny_base().model))


@where(lambda name: METHODS[name]["forgets"])
def test_the_weights_of_the_plan_reach_the_loss(name: str) -> None:
    """Only the first example is pushed away; the others are kept or left alone."""
    weights = (1.0,) + (0.0,) * 11
    assert short(name, weights=weights).record.tensors != once(name).record.tensors


@each_method
def test_saved_loaded_and_exported_to_stock_peft_say_the_same(name: str, tmp_path: Path) -> None:
    change = usual(name)
    back = load_change(save_change(change, tmp_path / "change"), tiny_base())
    wanted = hidden_at_targets(change.apply(tiny_base()))
    assert hidden_at_targets(back.apply(tiny_base())).equal(wanted)
    change.write(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by a name that is to be renamed
        stock = peft.PeftModel.from_pretrained(tiny_base().copy(), tmp_path).eval()
    tokens = inputs_of(tiny_text()).tokens("train", np.arange(48))
    row, column, _ = tokens.targets
    with torch.no_grad():
        logits = stock(input_ids=tokens.ids, attention_mask=tokens.mask).logits[row, column]
        ours = Network.of(change.apply(tiny_base())).logits(wanted)
    torch.testing.assert_close(ours, logits, rtol=1e-4, atol=1e-4)


def objective_of(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[TokenObjective, int | None]:
    """What a method minimises on forget examples, caught where the training would take it, and its block."""
    caught: list[TokenObjective] = []

    def catch(self: StepLoss, step: Any) -> Tensor:
        assert self.objective is not None
        caught.append(replace(self.objective, layer=self.asker.layer))
        raise ZeroDivisionError("caught")

    with monkeypatch.context() as patch:
        patch.setattr(StepLoss, "__call__", catch)
        with pytest.raises(ZeroDivisionError):
            unlearn(tiny_material(), tiny_plan(name, **SHORT))
    return caught[0], caught[0].layer


def batch_of(tokens: Tokens, layer: int | None, change: nn.Module, alternative: TokenBatch | None = None) -> TokenBatch:
    network, base = Network.of(change), Network.of(tiny_base().model)
    row, _, labels = tokens.targets
    with torch.no_grad():
        hidden, reference = (one.at_targets(tokens, layer=layer) for one in (network, base))
    places = torch.arange(len(tokens.ids))
    return TokenBatch(hidden, reference, labels, row, places, network.head_weight, network.head_bias, alternative)


def longer(tokens: Tokens) -> Tokens:
    """The same texts with other words where there is padding, and three columns more of them."""
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(5, 40, (len(tokens.ids), tokens.ids.shape[1] + 3), generator=generator)
    mask, labels = (
        torch.nn.functional.pad(part, (0, 3), value=value) for part, value in ((tokens.mask, 0), (tokens.labels, IGNORED))
    )
    words[mask.bool()] = tokens.ids[tokens.mask.bool()]
    return Tokens(words, mask, labels)


@where(lambda name: METHODS[name]["forgets"])
def test_neither_prompt_nor_padding_enters_the_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One term for each answer token and the end, none for the prompt; other words in the padding change nothing."""
    objective, layer = objective_of(name, monkeypatch)
    inputs, changed = inputs_of(tiny_text()), usual(name).apply(tiny_base())
    tokens = inputs.tokens("train", np.array([0, 1, 5]))
    other = inputs.encode([tiny_text().train.prompts[one] for one in (0, 1, 5)], ["what is a job ?"] * 3)
    plain = batch_of(tokens, layer, changed, batch_of(other, layer, changed))
    padded = batch_of(longer(tokens), layer, changed, batch_of(longer(other), layer, changed))
    answers = [len(inputs.tokenizer(" " + tiny_text().train.answers[one])["input_ids"]) + 1 for one in (0, 1, 5)]
    assert torch.bincount(plain.row).tolist() == answers
    loss = objective.loss(plain)
    assert loss.shape == (3,)
    torch.testing.assert_close(objective.loss(padded), loss, rtol=1e-4, atol=1e-5)


@where(lambda name: METHODS[name]["forgets"])
def test_the_loss_of_an_example_does_not_depend_on_its_neighbours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objective, layer = objective_of(name, monkeypatch)
    inputs, changed = inputs_of(tiny_text()), usual(name).apply(tiny_base())

    def loss(*places: int) -> Tensor:
        prompts = [tiny_text().train.prompts[one] for one in places]
        other = batch_of(inputs.encode(prompts, ["what is a job ?"] * len(places)), layer, changed)
        own = batch_of(inputs.tokens("train", np.array(places)), layer, changed, other)
        return objective.loss(replace(own, position=torch.tensor(places)))

    together, alone = loss(0, 1, 5), torch.cat([loss(0), loss(1), loss(5)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_every_special_setting_is_of_a_method() -> None:
    assert set(MORE) <= set(METHOD_NAMES)
