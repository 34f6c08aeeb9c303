"""Log-probabilities of answers from one pass over each prompt: all answers to a question share what the model made of it.

Questions are put in order of their prompts' lengths. Of a group the tokens that all prompts reach, but for the last of them,
go through the model once, and their keys and values serve every answer behind them; what a longer prompt has beyond that is
read again with each answer. So no sequence is padded on the left, and neither masks nor positions of one's own are needed:
padding stands behind the real tokens, where a causal model cannot see it. Scores of the vocabulary are made block by block.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lorasteer.core.tokens import token_statistics, vocabulary_statistics
from lorasteer.evaluation.language.asking import Ids, Question
from lorasteer.tasks.language.network import Network

GROUP = 64  # questions whose prompts are read together
TOKENS, TOKENS_GPU = 1024, 16384  # of one forward pass, padding included: so many that a processor's caches hold them


@dataclass(frozen=True)
class Scores:
    """What a model says about answers, question by question and answer by answer.

    Args:
        lengths: Tokens of each answer, int64, shape [answers].
        log_prob: Log-probability of each token of each answer, shape [n].
        mean: Expectation of log p over the vocabulary there; only for first answers, else 0.
        std: Its standard deviation; likewise.
        right: Whether the token is the most probable word.
    """

    lengths: Tensor
    log_prob: Tensor
    mean: Tensor
    std: Tensor
    right: Tensor


@dataclass(frozen=True)
class _Row:
    """One answer behind its prompt.

    Args:
        question: Place of its question in the group.
        prompt: Token ids of the prompt.
        answer: Token ids of the answer.
        place: Where its first token stands among the tokens of all answers.
        first: Whether it is the question's first answer.
    """

    question: int
    prompt: Ids
    answer: Ids
    place: int
    first: bool


def score(network: Network, questions: Sequence[Question], *, share: bool = True) -> Scores:
    """Score every answer of every question, in one pass over the model for each group of them.

    Args:
        network: The model; it is left as it was.
        questions: What is asked.
        share: Read each prompt once for all of its answers; otherwise once with each.

    Returns:
        Scores in float32 on the CPU, in float64 for a float64 model.
    """
    lengths = torch.tensor([len(answer) for question in questions for answer in question.answers], dtype=torch.int64)
    total = int(lengths.sum())
    dtype = torch.float64 if network.dtype == torch.float64 else torch.float32
    log_prob, mean, std = torch.zeros(3, total, dtype=dtype)
    found = Scores(lengths, log_prob, mean, std, torch.zeros(total, dtype=torch.bool))
    with measuring(network):
        for group in _groups(questions, lengths):
            _score_group(network, group, found, share=share)
    return found


@contextlib.contextmanager
def measuring(network: Network) -> Iterator[None]:
    """The model in evaluation mode and without gradients; every module is put back into the mode it was in."""
    trained = [module for module in network.model.modules() if module.training]
    network.model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in trained:
            module.training = True


def rows_of(cache: Any, rows: Tensor) -> Any:
    """Some rows of a cache of keys and values, in the order given; the cache itself is not written to."""
    chosen = copy.copy(cache)
    chosen.layers = [copy.copy(layer) for layer in cache.layers]
    chosen.batch_select_indices(rows)
    return chosen


def _groups(questions: Sequence[Question], lengths: Tensor) -> Iterator[list[_Row]]:
    """Rows of questions whose prompts are about equally long."""
    counts = [len(question.answers) for question in questions]
    first_answer = [0, *itertools.accumulate(counts)]
    starts = [0, *lengths.cumsum(0).tolist()]
    order = sorted(range(len(questions)), key=lambda number: len(questions[number].prompt))
    for begin in range(0, len(order), GROUP):
        yield [
            _Row(place, questions[number].prompt, answer, starts[first_answer[number] + nth], nth == 0)
            for place, number in enumerate(order[begin : begin + GROUP])
            for nth, answer in enumerate(questions[number].answers)
        ]


def _score_group(network: Network, rows: list[_Row], found: Scores, *, share: bool) -> None:
    prompts = [row.prompt for row in rows if row.first]
    shared = min(len(prompt) for prompt in prompts) - 1
    if not share or len(prompts) == len(rows):
        shared = 0
    cache = None
    if shared:
        ids = torch.tensor([prompt[:shared] for prompt in prompts], device=network.device)
        cache = network.decoder(input_ids=ids, use_cache=True).past_key_values
    tokens = TOKENS if network.device.type == "cpu" else TOKENS_GPU
    for batch in _batches(rows, shared, tokens):
        chosen = torch.tensor([row.question for row in batch], device=network.device)
        _score_batch(network, batch, rows_of(cache, chosen) if shared else None, shared, found)


def _batches(rows: list[_Row], shared: int, tokens: int) -> Iterator[list[_Row]]:
    """Rows of about the same length, first answers apart from the others, so many that a pass has about so many tokens."""
    batch: list[_Row] = []
    for row in sorted(rows, key=lambda row: (not row.first, len(row.prompt) + len(row.answer))):
        size = (len(batch) + 1) * (len(row.prompt) + len(row.answer) - shared)
        if batch and (size > tokens or row.first != batch[0].first):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _score_batch(network: Network, batch: list[_Row], cache: Any, shared: int, found: Scores) -> None:
    read = [[*row.prompt[shared:], *row.answer[:-1]] for row in batch]
    longest = max(map(len, read))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in read], device=network.device)
    kept = {} if cache is None else {"past_key_values": cache}
    states = network.decoder(input_ids=ids, use_cache=cache is not None, **kept).last_hidden_state
    spans = [(len(row.prompt) - shared - 1, len(row.answer)) for row in batch]
    line = torch.repeat_interleave(torch.tensor([length for _, length in spans]))
    column = torch.cat([torch.arange(start, start + length) for start, length in spans])
    hidden = states[line.to(states.device), column.to(states.device)]
    labels = torch.tensor([token for row in batch for token in row.answer], device=network.device)
    place = torch.cat([torch.arange(row.place, row.place + len(row.answer)) for row in batch])
    if not batch[0].first:  # of the other candidates only their probability is asked
        told = token_statistics(hidden, network.head_weight, network.head_bias, labels)
        found.log_prob[place] = told.log_prob.cpu()
        found.right[place] = (told.log_prob > told.rival_log_prob).cpu()
        return
    said = vocabulary_statistics(hidden, network.head_weight, network.head_bias, labels)
    for column_of, values in zip((found.log_prob, found.mean, found.std, found.right), said, strict=True):
        column_of[place] = values.cpu()
