"""Small Llamas with a byte-level vocabulary of their own, trained from nothing on the data alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from lorasteer.tasks.language.models.catalog import LANGUAGE_MODELS, Made
from lorasteer.tasks.training import FitSettings

Context = Annotated[int, Field(ge=8, le=1 << 20)]
PAD, BEGIN, END = "<pad>", "<s>", "</s>"

RECIPE_5M = FitSettings(epochs=30, batch_size=32, learning_rate=2e-3, schedule="one-cycle")
"""Memorises the 4,000 answers of TOFU: half an hour on two cores."""
RECIPE_TINY = FitSettings(epochs=60, batch_size=16, learning_rate=5e-3, schedule="one-cycle", precision="fp32")
"""Memorises the 200 invented facts: some seconds on one core."""


@LANGUAGE_MODELS.add("llama-5m", params="5.2 million, with a vocabulary of 4,096", recipe=RECIPE_5M)
def llama_5m(texts: Sequence[str], *, context: Context = 256) -> Made:
    """A Llama of 4 blocks, width 256, 8 heads, and a byte-level BPE of 4,096 tokens made from the data.

    Args:
        texts: What the vocabulary is made from.
        context: Tokens it can read at once.
    """
    return _llama(texts, vocabulary=4096, width=256, inner=1024, blocks=4, heads=8, context=context)


@LANGUAGE_MODELS.add("llama-tiny", params="some 150,000, with a vocabulary of 512", recipe=RECIPE_TINY)
def llama_tiny(texts: Sequence[str], *, context: Context = 128) -> Made:
    """A Llama of 2 blocks, width 64, 4 heads, and a byte-level BPE of 512 tokens made from the data.

    Args:
        texts: What the vocabulary is made from.
        context: Tokens it can read at once.
    """
    return _llama(texts, vocabulary=512, width=64, inner=192, blocks=2, heads=4, context=context)


def _llama(texts: Sequence[str], *, vocabulary: int, width: int, inner: int, blocks: int, heads: int, context: int) -> Made:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_level_bpe(texts, vocabulary, context)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=inner, num_hidden_layers=blocks, num_attention_heads=heads,
        num_key_value_heads=heads, max_position_embeddings=context, tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return Made(LlamaForCausalLM(config), tokenizer)


def byte_level_bpe(texts: Sequence[str], vocabulary: int, context: int) -> Any:
    """A byte-level BPE tokenizer made from texts; the same texts give the same one.

    Args:
        texts: What it is made from; it can write any other text as well, byte by byte.
        vocabulary: Number of tokens at most, the 256 bytes and three special ones included.
        context: Tokens of one sequence, noted in it.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[PAD, BEGIN, END], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )  # fmt: skip
    backend.train_from_iterator(texts, trainer)
    wrap: Any = PreTrainedTokenizerFast
    return wrap(tokenizer_object=backend, pad_token=PAD, bos_token=BEGIN, eos_token=END, model_max_length=context)
