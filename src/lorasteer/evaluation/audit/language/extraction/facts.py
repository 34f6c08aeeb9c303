"""What probes are made of: a forgotten fact, and retained facts about the same subject or asked for in the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from lorasteer.core.rouge import rouge_l_recall
from lorasteer.evaluation.audit.language.extraction.leaks import HALF, common_words, plain_words, stands_in, told_words
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.language.writing import write_greedily
from lorasteer.tasks.language.data import TextExamples
from lorasteer.tasks.language.inputs import TextInputs
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Index

SUBJECTS = ("subject", "name", "person", "entity", "author")
"""Attributes that may name whom or what an example is about; the first whose words stand in the example does."""
LOOKED_AT = 400  # retained examples among which those that are asked alike are looked for
NEIGHBOURS = 3  # retained facts of either kind at most
_REWRITE = "Ask the following in other words. {question}"
_REWRITTEN = 40  # tokens of a rewritten question at most


class Pair(NamedTuple):
    """A retained fact."""

    question: str
    answer: str
    subject: str = ""


@dataclass(frozen=True)
class Fact:
    """A fact that was to be forgotten, with all that a probe may use.

    Args:
        number: Its place among the facts of an attack.
        question: How it was asked for in training.
        answer: The answer.
        told: The words of the answer that tell what was asked for.
        subject: Whom or what it is about; empty where that is not known.
        other_words: The question in other words.
        wrong: Wrong answers of the same form.
        own: Retained facts about the same subject.
        alike: Retained facts about others, asked for in the most similar words first.
    """

    number: int
    question: str
    answer: str
    told: tuple[str, ...]
    subject: str = ""
    other_words: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    own: tuple[Pair, ...] = ()
    alike: tuple[Pair, ...] = ()


def facts_of(ground: TextGround, count: int) -> tuple[Fact, ...]:
    """Facts of the forget set that have a question, `count` at most; neighbours come from the retain set alone.

    Args:
        ground: Where the attack takes place.
        count: Facts at most.
    """
    train, splits = ground.inputs.examples("train"), ground.splits
    asked = np.array([row for row in splits.forget.tolist() if train.prompts[row].strip()], np.int64)
    chosen = ground.drawn(asked, count, "extracted facts")
    subjects = subjects_of(train)
    form = common_words([train.answers[row] for row in (*splits.forget.tolist(), *splits.retain.tolist())])
    beside = ground.drawn(splits.retain, LOOKED_AT, "extraction neighbours")
    reworded = _reworded(train, ground.inputs.examples("test"))
    return tuple(
        _fact(number, train, row, subjects, form, splits.retain, beside, reworded.get(row, ()))
        for number, row in enumerate(chosen.tolist())
    )


def subjects_of(examples: TextExamples) -> list[str]:
    """Whom or what each example is about, as far as an attribute says so in words that the example itself uses."""
    columns = [examples.attributes[name] for name in SUBJECTS if name in examples.attributes]
    named = [column for column in columns if column.dtype.kind == "U"]
    whole = [f"{question} {answer}" for question, answer in zip(examples.prompts, examples.answers, strict=True)]
    return [next((str(one[row]) for one in named if stands_in(str(one[row]), text)), "") for row, text in enumerate(whole)]


def _reworded(train: TextExamples, test: TextExamples) -> dict[int, tuple[str, ...]]:
    """Other wordings of training questions among the test examples, known by their ids: `test/7` asks what `train/7` does."""
    place = {str(name).removeprefix("train/"): row for row, name in enumerate(train.ids)}
    found: dict[int, tuple[str, ...]] = {}
    for row, name in enumerate(test.ids):
        mine = place.get(str(name).removeprefix("test/").removeprefix("test "))
        if mine is not None and test.prompts[row].strip() not in ("", train.prompts[mine].strip()):
            found[mine] = (*found.get(mine, ()), test.prompts[row])
    return found


def _fact(
    number: int, train: TextExamples, row: int, subjects: Sequence[str], form: frozenset[str], retain: Index, beside: Index,
    other_words: tuple[str, ...],
) -> Fact:  # fmt: skip
    paraphrase = train.paraphrases[row] if train.paraphrases else ""
    wrong = train.perturbed[row] if train.perturbed else ()
    question, answer, subject = train.prompts[row], train.answers[row], subjects[row]
    told = told_words(question, answer, common=form, paraphrase=paraphrase, wrong=wrong)
    fact = Fact(number, question, answer, told, subject, other_words, wrong)
    own = [other for other in retain.tolist() if subject and subjects[other] == subject]
    alike = sorted(
        (other for other in beside.tolist() if subjects[other] != subject or not subject),
        key=lambda other: -_likeness(fact, train.prompts[other], subjects[other]),
    )
    usable = [tuple(_usable(fact, (_pair(train, subjects, other) for other in rows))) for rows in (own, alike)]
    return replace(fact, own=usable[0], alike=usable[1])


def _pair(train: TextExamples, subjects: Sequence[str], row: int) -> Pair:
    return Pair(train.prompts[row], train.answers[row], subjects[row])


def _usable(fact: Fact, pairs: Iterator[Pair]) -> Iterator[Pair]:
    """The first retained facts that have a question and none of the words which the fact tells."""
    told, found = set(fact.told), 0
    for pair in pairs:
        if found < NEIGHBOURS and pair.question.strip() and not told & set(plain_words(f"{pair.question} {pair.answer}")):
            found += 1
            yield pair


def _likeness(fact: Fact, question: str, subject: str) -> float:
    """Shared words of two questions over all their words, subjects left out."""
    mine = set(plain_words(fact.question)) - set(plain_words(fact.subject))
    other = set(plain_words(question)) - set(plain_words(subject))
    return len(mine & other) / max(1, len(mine | other))


def rewritten(network: Network, inputs: TextInputs, facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """The facts with one more wording of each question, written by a model on this machine.

    A rewriting counts where it is another text, keeps half of the question's words and gives nothing of the answer away.

    Args:
        network: The model that writes; the base, as a rule.
        inputs: How it reads.
        facts: Facts with their questions.
    """
    from lorasteer.evaluation.audit.language.extraction.asking import ids_of

    known = [ids_of(inputs, _REWRITE.format(question=fact.question)) for fact in facts]
    fits = [row for row, ids in enumerate(known) if len(ids) < inputs.max_length]
    limits = [min(inputs.max_length, len(known[row]) + _REWRITTEN) for row in fits]
    whole = write_greedily(network, [known[row] for row in fits], limits, inputs.tokenizer.eos_token_id)
    written = {row: inputs.decode(ids[len(known[row]) :]).strip().split("\n")[0] for row, ids in zip(fits, whole, strict=True)}
    return tuple(
        replace(fact, other_words=(*fact.other_words, written[row])) if _rewrites(fact, written.get(row, "")) else fact
        for row, fact in enumerate(facts)
    )


def _rewrites(fact: Fact, text: str) -> bool:
    other = plain_words(text) != plain_words(fact.question)
    return other and rouge_l_recall(fact.question, text) >= HALF and not set(fact.told) & set(plain_words(text))
