"""Decoder and head of several families: the same numbers as the whole model, from any block on, with adapters or without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, BertConfig, BertLMHeadModel, Gemma2Config

from lorasteer.errors import PlanError, WeightsError
from lorasteer.tasks.language.inputs import Tokens
from lorasteer.tasks.language.model import text_inputs_for
from lorasteer.tasks.language.network import Network, check_network, hidden_of, with_hidden
from tests.support.errors import refuses
from tests.tasks.language import build

INDEX = np.array([3, 0, 17, 8])


@pytest.fixture(params=build.FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tokens_of(family: str) -> Tokens:
    return text_inputs_for(build.base(family), build.data()).tokens("train", INDEX)


def close(given: Tensor, wanted: Tensor) -> bool:
    return bool(torch.allclose(given, wanted, rtol=1e-5, atol=1e-5))


def test_head_of_hidden_is_what_the_model_says(family: str) -> None:
    model, tokens = build.base(family).model, tokens_of(family)
    network = check_network(model)
    real = tokens.mask.bool()
    with torch.no_grad():
        said = model(input_ids=tokens.ids, attention_mask=tokens.mask).logits
        assert close(network.logits(network.hidden(tokens))[real], said[real])
        row, column, _ = tokens.targets
        assert close(network.logits(network.at_targets(tokens)), said[row, column])


def test_asked_at_answers_only_less_is_computed_and_the_gradient_is_the_same(family: str) -> None:
    model, tokens = build.base(family).view(), tokens_of(family)
    network, seen = Network.of(model), list[int]()
    weight = network.blocks[-2].get_parameter(next(name for name, _ in network.blocks[-2].named_parameters()))
    weight.requires_grad_(True)
    row, column, _ = tokens.targets
    part = network.blocks[-1].get_submodule("mlp")
    kind, found = type(part), []
    usual = kind.forward

    def counting(self: nn.Module, x: Tensor) -> Any:
        if self is part:
            seen.append(x[..., 0].numel())
        return usual(self, x)

    for ask in (lambda: network.hidden(tokens)[row, column], lambda: network.at_targets(tokens)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kind, "forward", counting)
            said = ask()
        found.append((said, *torch.autograd.grad(said.square().sum(), weight)))
    assert close(found[0][0], found[1][0])
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-4, atol=1e-5)
    assert seen[0] == tokens.ids.numel()
    assert seen[-1] == len(row)
    assert "forward" not in part.__dict__


def test_attention_that_learns_fast_says_the_same_and_is_put_back(family: str) -> None:
    network, tokens, real = Network.of(build.base(family).view()), tokens_of(family), tokens_of(family).mask.bool()
    kinds = list[str]()

    def said(bf16: bool) -> Tensor:
        with network.learning_fast(bf16=bf16), torch.no_grad():
            kinds.append(network.causal.config._attn_implementation)
            return network.hidden(tokens)[real]

    assert torch.allclose(said(True), said(False), rtol=1e-4, atol=1e-4)
    assert kinds == ["eager", "sdpa"]
    with pytest.raises(KeyError), network.learning_fast(bf16=True):
        raise KeyError
    assert network.causal.config._attn_implementation == "sdpa"


def test_what_watches_the_feed_forward_part_sees_every_token(family: str) -> None:
    network, tokens, seen = Network.of(build.base(family).view()), tokens_of(family), list[int]()
    part = network.blocks[-1].get_submodule("mlp")
    part.register_forward_hook(lambda module, args, output: seen.append(args[0][..., 0].numel()))
    with torch.no_grad():
        network.at_targets(tokens)
    assert seen[0] >= len(tokens) * (int(tokens.targets[1].max()) + 1)


def test_padding_changes_no_real_token(family: str) -> None:
    network, tokens = Network.of(build.base(family).model), tokens_of(family)
    with torch.no_grad():
        together = network.hidden(tokens)
        for row in range(len(tokens)):
            alone = tokens.taken(torch.tensor([row]))
            assert close(together[row, : len(alone.ids[0])], network.hidden(alone)[0])


@pytest.mark.parametrize("depth", [1, 2])
def test_blocks_before_the_start_are_not_run(family: str, depth: int) -> None:
    network, tokens = Network.of(build.base(family).model), tokens_of(family)
    ran: list[int] = []
    handles = [block.register_forward_hook(lambda *_, n=n: ran.append(n)) for n, block in enumerate(network.blocks[depth - 1 :])]
    with torch.no_grad():
        states = network.hidden(tokens, layer=depth - 1)
        wanted = network.hidden(tokens)
        weight = network.blocks[0].get_parameter(next(name for name, _ in network.blocks[0].named_parameters()))
        kept = weight.clone()
        weight.fill_(float("nan"))  # what is not run cannot do harm
        try:
            given = network.hidden(tokens, start=(depth, states))
        finally:
            weight.copy_(kept)
            for handle in handles:
                handle.remove()
    assert close(given, wanted)
    assert not any("forward" in vars(block) for block in network.blocks)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_adapted_names_are_those_of_the_plain_model(family: str) -> None:
    plain = Network.of(build.base(family).model)
    layers = plain.linear_layers()
    assert layers
    assert all(name.startswith(f"{plain.blocks_name}.") for name in layers)
    config = LoraConfig(r=2, target_modules=list(layers), fan_in_fan_out=family == "gpt2")
    adapted: Any = get_peft_model(build.FAMILIES[family](), config)  # type: ignore[arg-type]
    wrapped = check_network(adapted)
    assert wrapped.linear_layers() == layers
    assert wrapped.depth(layers[-1:]) == 2
    assert adapted.base_model.model is wrapped.causal


def test_gpt2_has_four_linear_layers_in_a_block_and_llama_seven() -> None:
    assert len(Network.of(build.base("gpt2").model).linear_layers()) == 3 * 4
    assert len(Network.of(build.base("llama").model).linear_layers()) == 3 * 7


def test_a_gradient_flows_from_any_start() -> None:
    model = build.llama().requires_grad_(True)
    network, tokens = Network.of(model), tokens_of("llama")
    states = network.hidden(tokens, layer=1).detach()
    network.at_targets(tokens, start=(2, states)).sum().backward()
    with_gradient = {name.split(".")[2] for name, p in model.named_parameters() if p.grad is not None and "layers" in name}
    assert with_gradient == {"2"}


def test_depth_is_the_first_block_that_changes() -> None:
    network = Network.of(build.base("llama").model)
    assert network.depth(["model.layers.2.mlp.up_proj", "model.layers.1.self_attn"]) == 1
    assert network.depth([]) == 0
    assert network.depth(["model.embed_tokens"]) == 0
    assert network.depth(["model.norm"]) == 0  # it reads what the last block says; nothing is skipped
    assert network.depth(["lm_head"]) == 3
    with refuses(PlanError, "'model.layers.7.mlp' is no module", "model.layers.0"):
        network.depth(["model.layers.7.mlp"])


def test_blocks_may_answer_with_a_tensor_or_a_tuple() -> None:
    states = torch.ones(1, 2, 3)
    assert hidden_of((states, None)) is states
    assert hidden_of(states) is states
    assert with_hidden((states, 5), states * 2)[1] == 5
    assert with_hidden(states, states * 2).sum() == 12


class Tuples(nn.Module):
    """A block that answers with a tuple, as some models' do."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, states: Tensor) -> tuple[Tensor, None]:
        return self.inner(states), None


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.layers = nn.ModuleList(Tuples(nn.Linear(4, 4)) for _ in range(3))

    def forward(self, input_ids: Tensor, use_cache: bool = False) -> Any:
        states = self.embed(input_ids)
        for layer in self.layers:
            states = layer(states)[0]
        return type("Output", (), {"last_hidden_state": states})


class Causal(nn.Module):
    config = type("Config", (), {"num_hidden_layers": 3})

    def __init__(self) -> None:
        super().__init__()
        self.base_model, self.lm_head = Decoder(), nn.Linear(4, 11, bias=True)

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    def forward(self, input_ids: Tensor, use_cache: bool = False) -> Tensor:
        said: Tensor = self.lm_head(self.base_model(input_ids).last_hidden_state)
        return said


def test_blocks_that_speak_tuples_can_be_skipped() -> None:
    network = check_network(Causal())
    ids = torch.arange(6).reshape(2, 3)
    tokens = Tokens(ids, torch.ones_like(ids), ids)
    states = network.hidden(tokens, layer=0)
    assert close(network.hidden(tokens, start=(1, states)), network.hidden(tokens))
    assert network.head_bias is not None


def test_capped_logits_are_refused() -> None:
    config = Gemma2Config(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
        head_dim=8, final_logit_softcapping=0.1,
    )  # fmt: skip
    with refuses(WeightsError, "Gemma2ForCausalLM", "capped or scaled"):
        check_network(AutoModelForCausalLM.from_config(config))  # type: ignore[no-untyped-call]


def test_a_model_that_is_not_causal_is_refused() -> None:
    config = BertConfig(vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
    with refuses(WeightsError):
        check_network(BertLMHeadModel(config).eval())


def test_no_language_model_is_refused() -> None:
    with refuses(WeightsError, "Linear is no causal language model"):
        Network.of(nn.Linear(2, 2))
