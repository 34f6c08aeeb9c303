"""Small language models of several families, and data, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MixtralConfig, Qwen2MoeConfig

from lorasteer.tasks.language.data import TextData, TextExamples
from lorasteer.tasks.language.inputs import Template
from lorasteer.tasks.language.model import LanguageBase, adopt_language, texts_of
from lorasteer.tasks.language.models.llama import byte_level_bpe
from lorasteer.tasks.language.sources import load_text

WORDS = 320
CONTEXT = 96


def llama() -> nn.Module:
    return _made(
        LlamaConfig(
            vocab_size=WORDS, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=CONTEXT, bos_token_id=1, eos_token_id=2,
        )
    )  # fmt: skip


def gpt2() -> nn.Module:
    return _made(
        GPT2Config(vocab_size=WORDS, n_embd=32, n_layer=3, n_head=4, n_positions=CONTEXT, bos_token_id=1, eos_token_id=2)
    )


def mixtral() -> nn.Module:
    return _made(
        MixtralConfig(
            vocab_size=WORDS, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, num_local_experts=4, max_position_embeddings=CONTEXT, bos_token_id=1, eos_token_id=2,
        )
    )  # fmt: skip


def qwen_moe() -> nn.Module:
    return _made(
        Qwen2MoeConfig(
            vocab_size=WORDS, hidden_size=32, intermediate_size=48, moe_intermediate_size=24, num_hidden_layers=3,
            shared_expert_intermediate_size=24, num_attention_heads=4, num_key_value_heads=2, num_experts=4,
            num_experts_per_tok=2, max_position_embeddings=CONTEXT, bos_token_id=1, eos_token_id=2,
        )
    )  # fmt: skip


FAMILIES: dict[str, Callable[[], nn.Module]] = {"llama": llama, "gpt2": gpt2, "mixtral": mixtral, "qwen-moe": qwen_moe}


def _made(config: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = AutoModelForCausalLM.from_config(config).eval()
    return model


@cache
def data() -> TextData:
    return load_text("facts?people=6")


@cache
def tokenizer() -> Any:
    return byte_level_bpe(texts_of(data(), Template()), WORDS, CONTEXT)


@cache
def base(family: str) -> LanguageBase:
    return adopt_language(FAMILIES[family](), data(), tokenizer=tokenizer(), name=family)


def examples(*pairs: tuple[str, str], **more: Any) -> TextExamples:
    """Examples from prompts and answers, with ids `0`, `1` and so on."""
    ids = np.array([str(number) for number in range(len(pairs))], dtype=np.str_)
    return TextExamples(tuple(prompt for prompt, _ in pairs), tuple(answer for _, answer in pairs), ids, **more)
