"""Put a questionnaire to a model: one scoring pass over all parts, then its own answers where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lorasteer.core.rouge import rouge_l_recall
from lorasteer.core.text_statistics import mean_per_example
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.asking import Questionnaire, Sheet
from lorasteer.evaluation.language.keeping import Kept
from lorasteer.evaluation.language.outputs import TextOutputs
from lorasteer.evaluation.language.scoring import Scores, score
from lorasteer.evaluation.language.writing import write_greedily
from lorasteer.tasks.language.inputs import TextInputs
from lorasteer.tasks.language.network import Network


def collect(
    model: nn.Module,
    questionnaire: Questionnaire,
    *,
    subject: str,
    digest: str,
    kept: Kept | None = None,
    sealed: bool = False,
    **facts: Any,
) -> TextOutputs:
    """Answers of a model to a questionnaire. The model is left as it was: mode of every module, weights, gradients.

    Args:
        model: A causal language model, with adapters or without, on any device.
        questionnaire: What is asked.
        subject: What is measured: `base`, `retrained`, or a method's name.
        digest: Digest of the model: of the base, or of base, change and strength.
        kept: Where answers are kept between calls; None asks anew.
        sealed: Whether the digest is made of digests of all the model's numbers.
        **facts: Further fields of `TextOutputs`: direction weights, seconds, trainable.

    Raises:
        WeightsError: It is no causal language model of blocks and a linear head.
    """
    asked = {**questionnaire.parts, **questionnaire.sheets}
    everything = answered(model, questionnaire.inputs, asked, digest, kept, sealed=sealed)
    parts: dict[str, Any] = {name: everything[name] for name in questionnaire.parts}
    sheets = {name: everything[name] for name in questionnaire.sheets}
    return TextOutputs(subject=subject, model=digest, splits=questionnaire.splits, **parts, sheets=sheets, **facts)


def answered(
    model: nn.Module,
    inputs: TextInputs,
    asked: Mapping[str, Sheet],
    digest: str,
    kept: Kept | None = None,
    *,
    sealed: bool = False,
) -> dict[str, Answers]:
    """Answers of a model to some sheets: those that are kept, and new ones to what was not asked before.

    Args:
        model: A causal language model, with adapters or without, on any device; it is left as it was.
        inputs: What turns tokens into text.
        asked: The sheets by name.
        digest: Digest of the model: of the base, or of base, change and strength.
        kept: Where answers are kept between calls; None asks anew.
        sealed: Whether the digest is made of digests of all the model's numbers.

    Raises:
        WeightsError: It is no causal language model of blocks and a linear head.
    """
    if kept is None:
        return answer(Network.of(model), inputs, asked)
    key = kept.key_of(model, digest, sealed=sealed)
    found = {name: answers for name, sheet in asked.items() if (answers := kept.get(key, sheet)) is not None}
    fresh = answer(Network.of(model), inputs, {name: sheet for name, sheet in asked.items() if name not in found})
    for name, answers in fresh.items():
        kept.put(key, asked[name], answers)
    return {**found, **fresh}


def answer(network: Network, inputs: TextInputs, sheets: Mapping[str, Sheet]) -> dict[str, Answers]:
    """Answers of a model to some sheets, scored together so that batches are full.

    Args:
        network: The model.
        inputs: What turns tokens into text.
        sheets: The sheets by name.
    """
    scores = score(network, [question for sheet in sheets.values() for question in sheet.questions])
    parts = dict(zip(sheets, _apart(scores, list(sheets.values())), strict=True))
    written = _written(network, inputs, {name: (sheet, parts[name]) for name, sheet in sheets.items() if sheet.write})
    return {name: _answers(sheet, parts[name], written.get(name)) for name, sheet in sheets.items()}


def _apart(scores: Scores, sheets: Sequence[Sheet]) -> Iterator[Scores]:
    """Scores of each sheet alone."""
    counts = [sum(len(question.answers) for question in sheet.questions) for sheet in sheets]
    lengths = torch.split(scores.lengths, counts)
    columns = (scores.log_prob, scores.mean, scores.std, scores.right)
    tokens = [int(own.sum()) for own in lengths]
    for own, *rest in zip(lengths, *(torch.split(column, tokens) for column in columns), strict=True):
        yield Scores(own, *rest)


def _answers(sheet: Sheet, scores: Scores, written: tuple[str, ...] | None) -> Answers:
    """What metrics need of the scores: tokens of the right answers, means of the other candidates."""
    counts = torch.tensor([len(question.answers) for question in sheet.questions], dtype=torch.int64)
    first = counts.cumsum(0) - counts
    paraphrased = torch.tensor(sheet.paraphrased, dtype=torch.bool)
    is_right = torch.zeros(len(scores.lengths), dtype=torch.bool).index_fill(0, first, True)
    is_paraphrase = torch.zeros_like(is_right).index_fill(0, first[paraphrased] + 1, True)
    token = torch.repeat_interleave(is_right, scores.lengths)
    means = mean_per_example(scores.log_prob, scores.lengths).to(scores.log_prob.dtype)
    rouge = None if written is None else [rouge_l_recall(*pair) for pair in zip(sheet.examples.answers, written, strict=True)]
    return Answers(
        asked=sheet.digest,
        lengths=scores.lengths[is_right],
        **{name: getattr(scores, name)[token] for name in ("log_prob", "mean", "std", "right")},
        compressed=torch.tensor(sheet.compressed, dtype=torch.int64),
        paraphrased=paraphrased,
        paraphrase=means[is_paraphrase],
        counts=counts - 1 - paraphrased.long(),
        wrong=means[~is_right & ~is_paraphrase],
        rouge=None if rouge is None else torch.tensor(rouge, dtype=torch.float64),
        written=written,
    )


def _written(network: Network, inputs: TextInputs, sheets: Mapping[str, tuple[Sheet, Scores]]) -> dict[str, tuple[str, ...]]:
    """Greedy answers, as long as the right ones at most; what the scores already show to be the greedy answer is taken over."""
    known: list[list[int]] = []
    limits: list[int] = []
    for sheet, scores in sheets.values():
        for question, agreed in zip(sheet.questions, _agreed(sheet, scores), strict=True):
            known.append([*question.prompt, *question.answers[0][:agreed]])
            limits.append(len(question.prompt) + len(question.answers[0]))
    end = inputs.tokenizer.eos_token_id
    whole = iter(write_greedily(network, known, limits, end))
    return {
        name: tuple(inputs.decode(next(whole)[len(question.prompt) :]).strip() for question in sheet.questions)
        for name, (sheet, _) in sheets.items()
    }


def _agreed(sheet: Sheet, scores: Scores) -> list[int]:
    """How many tokens of each right answer the model would write too, from its first one on."""
    right: Sequence[Tensor] = torch.split(scores.right, scores.lengths.tolist())
    found, place = [], 0
    for question in sheet.questions:
        wrong = (~right[place]).nonzero()
        found.append(int(wrong[0]) if len(wrong) else len(right[place]))
        place += len(question.answers)
    return found
