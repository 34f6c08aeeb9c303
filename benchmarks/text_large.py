"""Unlearning on a Llama of a billion numbers: tokens a second and peak of memory against `Trainer` with PEFT.

The same two trainings as in `text_speed`, on a model too large for a CPU: random weights in bf16, plain texts of 1,024 tokens, a
vocabulary of 128,256. It runs where a GPU is at hand. `LORASTEER_BENCH_SIZE=tiny` runs all of it on a model of toy size
anywhere, to see that it works; its numbers say nothing.
"""

from __future__ import annotations

import os
import statistics
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks import text_speed
from benchmarks.common import say, write
from benchmarks.memory import MEGABYTE, extra
from benchmarks.text_speed import PARTS, WORDS, Setup, check, ours, plain, timed
from lorasteer.tasks.language.data import TextData, TextExamples
from lorasteer.tasks.language.model import adopt_language
from lorasteer.tasks.language.models.llama import byte_level_bpe

FORGET, RETAIN, BATCH, TURNS = 40, 80, 4, 3
BYTES = 259  # a token for each byte, and three special ones: texts of a known length


@dataclass(frozen=True)
class Size:
    """A Llama.

    Args:
        vocabulary: Words of its head.
        width: Of the hidden states.
        inner: Of the feed-forward parts.
        blocks: How many.
        heads: Of attention; a quarter as many for keys and values.
        length: Tokens of each text.
    """

    vocabulary: int
    width: int
    inner: int
    blocks: int
    heads: int
    length: int


SIZES = {
    "1b": Size(128_256, 2048, 8192, 16, 32, 1024),
    "tiny": Size(512, 64, 128, 4, 4, 64),
}


def texts(count: int, length: int) -> TextExamples:
    """Random letters, each text as many tokens long, its end included; the first ones are to be forgotten."""
    drawn = np.random.default_rng(0).choice(list(string.ascii_lowercase), (count, length - 1))
    parts = np.array(["forget" if row < FORGET else "retain" for row in range(count)])
    ids = np.array([f"text/{row:05d}" for row in range(count)])
    return TextExamples(("",) * count, tuple("".join(row) for row in drawn), ids, {"part": parts})


def made(size: Size) -> Setup:
    """Model and texts; on the GPU where there is one."""
    train = texts(FORGET + RETAIN, size.length)
    data = TextData("random letters", train, train.taken(np.empty(0, np.int64)))
    config = LlamaConfig(
        vocab_size=size.vocabulary, hidden_size=size.width, intermediate_size=size.inner, num_hidden_layers=size.blocks,
        num_attention_heads=size.heads, num_key_value_heads=size.heads // 4, max_position_embeddings=size.length,
        tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = LlamaForCausalLM(config).bfloat16()
    tokenizer = byte_level_bpe(train.answers, BYTES, size.length)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    base = adopt_language(network, data, tokenizer=tokenizer, name="llama", max_length=size.length, device=device)
    return Setup(base, data, 1, "part == forget", BATCH, RETAIN)


def held(work: Callable[[], object]) -> float:
    """Megabytes by which the peak rises: of the GPU's memory where there is one, else of the process."""
    if not torch.cuda.is_available():
        return extra(work)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return (torch.cuda.max_memory_allocated() - before) / MEGABYTE


def turn(setup: Setup, part: str, tokens: int) -> dict[str, dict[str, float]]:
    """Tokens a second and memory of the plain recipe, of a first round on a fresh bench, and of one behind it."""
    bench, found = setup.bench(), dict[str, dict[str, float]]()
    works: dict[str, Callable[[], Callable[[], int]]] = {
        "plain": lambda: plain(setup, part), "first": lambda: ours(setup, part, bench), "later": lambda: ours(setup, part, bench),
    }  # fmt: skip
    for way, prepared in works.items():
        work, told = prepared(), list[dict[str, float]]()
        peak = held(lambda work=work, told=told: told.append(timed(work)))  # type: ignore[misc]
        found[way] = {"tokens": tokens / told[0]["wall"], "megabytes": peak}
    say(f"{PARTS[part]}: " + ", ".join(f"{way} {one['tokens']:.0f} tokens/s" for way, one in found.items()))
    return found


def rows_for(part: str, turns: Sequence[dict[str, dict[str, float]]]) -> list[list[str]]:
    """Lines of the table for one choice of layers."""
    rows = []
    for way, words in WORDS.items():
        speed, peak = (statistics.median(one[way][what] for one in turns) for what in ("tokens", "megabytes"))
        faster = statistics.median(one[way]["tokens"] / one["plain"]["tokens"] for one in turns)
        rows.append([f"{PARTS[part]}: {words}", f"{speed:,.0f}", f"{faster:.2f}", f"{peak:,.0f}"])
    return rows


def main() -> None:
    """Check, then take turns; without a GPU it says so and does nothing.

    Raises:
        SystemExit: No such size.
    """
    name = os.environ.get("LORASTEER_BENCH_SIZE", "1b")
    if name not in SIZES:
        raise SystemExit(f"unknown size {name!r} in LORASTEER_BENCH_SIZE; allowed: {', '.join(SIZES)}.")
    if name != "tiny" and not torch.cuda.is_available():
        say("text-large left out: it needs a GPU, and there is none; LORASTEER_BENCH_SIZE=tiny tries the benchmark itself")
        return
    size = SIZES[name]
    setup, tokens = made(size), 2 * BATCH * size.length
    for part in PARTS:
        check(setup, part, within=0.02)
    turns: dict[str, list[Any]] = {part: [turn(setup, part, tokens) for _ in range(TURNS)] for part in PARTS}
    if name == "tiny":
        say("tiny: nothing is written")
        return
    card = torch.cuda.get_device_name()
    note = (
        f"Median of {TURNS} turns. {sum(p.numel() for p in setup.base.model.parameters()) / 1e9:.2f} billion random numbers in "
        f"bf16, {size.length:,} tokens a text, {BATCH} texts to forget and {BATCH} of {RETAIN} retained a step; LoRA of rank "
        f"{text_speed.RANK} on all linear layers of the blocks named, on {card}. Memory: rise of the peak."
    )
    rows = [row for part in PARTS for row in rows_for(part, turns[part])]
    write(
        "text-large", "Unlearning on a Llama of a billion numbers against Trainer with PEFT (lora-ihl, KL anchor)", setup.data,
        ["", "tokens a second", "times faster", "extra memory, MB"], rows, note, turns=turns, seeds=[0],
        accelerator=card,
    )  # fmt: skip
