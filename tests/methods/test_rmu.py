"""Misdirection: where states are steered to, what keeps the rest, and which layers are adapted."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from lorasteer.core.token_losses import steering_vector
from lorasteer.errors import PlanError
from lorasteer.methods import unlearn
from lorasteer.methods.representation.rmu import Misdirection, MisdirectionSettings
from lorasteer.methods.tokens import TokenBatch
from lorasteer.tasks.language.network import Network
from tests.support.errors import refuses
from tests.support.tiny_text import tiny_llama, tiny_material, tiny_plan


def states(now: list[list[float]], base: list[list[float]]) -> TokenBatch:
    rows = torch.arange(len(now))
    return TokenBatch(torch.tensor(now), torch.tensor(base), rows, rows, rows, torch.eye(2))


def test_kept_states_worked_by_hand() -> None:
    """Base (3, 4), mean square 12.5; the state (3, 9) lies 25 / 2 = 12.5 away in mean square: 1."""
    assert Misdirection(MisdirectionSettings()).kept(states([[3.0, 9.0]], [[3.0, 4.0]])).tolist() == pytest.approx([1.0])


@pytest.mark.parametrize(("length", "reach"), [("relative", 2 * 5.0), ("fixed", 2.0)])
def test_the_loss_is_0_at_the_target(length: str, reach: float) -> None:
    """Base (3, 4) has length 5: with a steering of 2 the target has length 10, or 2 where lengths are fixed."""
    method = Misdirection(MisdirectionSettings.model_validate({"length": length}))
    target = steering_vector(2, seed=3, scale=reach)
    assert method.token_loss(states(target.tolist(), [[3.0, 4.0]]), seed=3).item() == pytest.approx(0.0, abs=1e-6)
    # at the origin it is the target's squared length over that of the base's state
    away = method.token_loss(states([[0.0, 0.0]], [[3.0, 4.0]]), seed=3).item()
    assert away == pytest.approx(reach**2 / 25, rel=1e-5)
    assert math.isfinite(away)


def test_the_last_layer_of_the_mlp_is_adapted_in_the_steered_block_and_two_before() -> None:
    llama = Network.of(tiny_llama(layers=5))
    assert MisdirectionSettings(layer=3).usual_layers(llama) == tuple(f"model.layers.{n}.mlp.down_proj" for n in (1, 2, 3))
    assert MisdirectionSettings(layer=0).usual_layers(llama) == ("model.layers.0.mlp.down_proj",)
    gpt2 = Network.of(GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=16, n_embd=8, n_layer=2, n_head=2)))
    assert MisdirectionSettings(layer=1).usual_layers(gpt2) == ("transformer.h.0.mlp.c_proj", "transformer.h.1.mlp.c_proj")


def test_by_default_the_steered_block_lies_where_7_lies_in_32() -> None:
    assert [MisdirectionSettings().block(Network.of(tiny_llama(layers=n))) for n in (1, 3, 4, 9)] == [0, 1, 1, 2]


def test_only_those_layers_get_an_adapter() -> None:
    change = unlearn(tiny_material(), tiny_plan("rmu", epochs=1, retain=6))
    assert change.layers == ("model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj")


def test_a_block_that_is_not_there_is_refused() -> None:
    with refuses(PlanError, "setting of 'rmu'", "block 9"):
        unlearn(tiny_material(), tiny_plan("rmu", layer=9))
