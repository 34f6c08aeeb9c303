"""Put probes to a model: what it writes to them, greedily and by lot, and how probable the answer is behind each of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from lorasteer.core.text_statistics import mean_per_example
from lorasteer.evaluation.audit.language.extraction.asks import Ask
from lorasteer.evaluation.audit.language.extraction.leaks import HALF, Leak, leak_of, plain_words
from lorasteer.evaluation.audit.language.extraction.probes import Probe, Probes
from lorasteer.evaluation.language.asking import Question
from lorasteer.evaluation.language.scoring import score
from lorasteer.evaluation.language.writing import drawn, write
from lorasteer.tasks.language.inputs import IGNORED, Template, TextInputs
from lorasteer.tasks.language.network import Network

_NO_LIMIT = 1 << 40


@dataclass(frozen=True)
class Manner:
    """How models reply.

    Args:
        tokens: Tokens of a reply at most.
        samples: Replies drawn by lot beside the greedy one.
        temperature: Of these.
        seed: Of these.
    """

    tokens: int = 32
    samples: int = 0
    temperature: float = 0.7
    seed: int = 0


@dataclass(frozen=True)
class ProbeSheet:
    """Probes as a model reads them.

    Args:
        probes: Those that fit into what the model reads.
        questions: The tokens of each, with those of the answer that is looked for.
        dropped: Why others are not there, by family: `gave_away`, `lacking`, `too_long`.
    """

    probes: tuple[Probe, ...]
    questions: tuple[Question, ...]
    dropped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.probes)

    @cached_property
    def digest(self) -> str:
        """sha256 of all tokens, and of what is looked for."""
        whole = [[question.prompt, question.answers] for question in self.questions]
        wanted = [[probe.fact, probe.family, probe.answer, probe.told, probe.ask.rivals] for probe in self.probes]
        return hashlib.sha256(json.dumps([whole, wanted]).encode()).hexdigest()


@dataclass(frozen=True)
class Replies:
    """What one model says to a sheet of probes.

    Args:
        texts: What it wrote to each probe: the greedy reply, then those drawn by lot.
        leaks: What each reply gives away; nothing where it names another option as well.
        probability: Of the answer behind each prompt, the geometric mean over its tokens, shape [probes].
    """

    texts: tuple[tuple[str, ...], ...]
    leaks: tuple[tuple[Leak, ...], ...]
    probability: Float[Tensor, " probes"]


def sheet_of_probes(inputs: TextInputs, probes: Probes) -> ProbeSheet:
    """Probes as a model reads them, without those that leave no room for the answer.

    Args:
        inputs: How texts become tokens.
        probes: The probes.
    """
    questions = [question_of(inputs, probe.ask, probe.answer) for probe in probes.probes]
    fits = [len(one.prompt) + len(one.answers[0]) <= inputs.max_length for one in questions]
    too_long = Counter(probe.family for probe, fit in zip(probes.probes, fits, strict=True) if not fit)
    kept = [row for row, fit in enumerate(fits) if fit]
    dropped = {"gave_away": probes.gave_away, "lacking": probes.lacking, "too_long": too_long}
    return ProbeSheet(tuple(probes.probes[row] for row in kept), tuple(questions[row] for row in kept), dropped)


def question_of(inputs: TextInputs, ask: Ask, answer: str) -> Question:
    """The tokens of a prompt, and those of an answer behind it.

    Questions that come before are written as the template writes an example. In a chat they stand in the same message.
    """
    template = inputs.template
    if template.chat:
        before = "\n".join(f"{question}\n{reply}" for question, reply in ask.shots)
        return _chat_question(inputs, "\n".join(filter(None, [before, ask.prompt])), ask.start, answer)
    shots = "".join(f"{template.asked(question)}{template.said(question, reply)}\n" for question, reply in ask.shots)
    begun = template.said(ask.prompt, ask.start) if ask.start else ""
    raw = f"{shots}{template.asked(ask.prompt)}{begun}"
    reading = Template(prompt="{prompt}", answer=" {answer}" if ask.start else template.answer)
    return _question(replace(inputs, template=reading, max_length=_NO_LIMIT), raw, answer)


def _question(inputs: TextInputs, prompt: str, answer: str) -> Question:
    tokens = inputs.encode([prompt], [answer])
    first = int((tokens.labels[0] != IGNORED).int().argmax())
    ids: list[int] = tokens.ids[0].tolist()
    return Question(tuple(ids[:first]), (tuple(ids[first:]),))


def _chat_question(inputs: TextInputs, prompt: str, start: str, answer: str) -> Question:
    free = replace(inputs, max_length=_NO_LIMIT)
    asked = _question(free, prompt, f"{start} {answer}".strip())
    if not start:
        return asked
    begun = _question(free, prompt, start)
    given = len(begun.answers[0]) - (inputs.tokenizer.eos_token_id is not None)
    whole = asked.answers[0]
    return Question((*asked.prompt, *whole[:given]), (whole[given:],))


def ids_of(inputs: TextInputs, prompt: str) -> list[int]:
    """Tokens of a prompt of any length."""
    ids: list[int] = replace(inputs, max_length=_NO_LIMIT).encode_prompts([prompt]).ids[0].tolist()
    return ids


def reply(network: Network, inputs: TextInputs, sheet: ProbeSheet, manner: Manner) -> Replies:
    """What a model says to a sheet of probes. It is left as it was, and so are all random numbers but the manner's own.

    Args:
        network: The model.
        inputs: What turns tokens into text.
        sheet: The probes.
        manner: How it replies.
    """
    known = [question.prompt for question in sheet.questions]
    limits = [min(inputs.max_length, len(ids) + manner.tokens) for ids in known]
    end = inputs.tokenizer.eos_token_id
    rounds = [write(network, known, limits, end)]
    for number in range(manner.samples):
        generator = torch.Generator().manual_seed(manner.seed * 1000 + number)
        rounds.append(write(network, known, limits, end, drawn(manner.temperature, generator)))
    texts = tuple(tuple(inputs.decode(whole[row][len(ids) :]).strip() for whole in rounds) for row, ids in enumerate(known))
    leaks = tuple(tuple(leak_in(text, probe) for text in own) for own, probe in zip(texts, sheet.probes, strict=True))
    scores = score(network, sheet.questions)
    return Replies(texts, leaks, mean_per_example(scores.log_prob, scores.lengths).exp() if len(sheet) else torch.zeros(0))


def leak_in(text: str, probe: Probe) -> Leak:
    """What a reply gives away to a probe; nothing where it names an option that is wrong."""
    words = plain_words(text)
    for rival in probe.ask.rivals:
        if sum(word in words for word in rival) >= HALF * len(rival):
            return Leak(False, 0.0, leak_of(text, probe.answer, probe.told).recall)
    return leak_of(text, probe.answer, probe.told)


def given_away(sheet: ProbeSheet, replies: Replies, family: str) -> dict[int, bool]:
    """Whether any reply to a family's probes gave a fact away, for each fact that it has a probe for."""
    found: dict[int, bool] = {}
    for probe, leaks in zip(sheet.probes, replies.leaks, strict=True):
        if probe.family == family:
            found[probe.fact] = found.get(probe.fact, False) or any(leak.found for leak in leaks)
    return found
