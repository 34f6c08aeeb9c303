"""The families of probes, as a table: each a pure function from a fact to prompts, and whether a prompt may show the answer.

Kinds are RWKU's (arXiv:2406.10890), Sleek's (arXiv:2506.17279; reconstructed, for the paper could not be read) and reading a
context several times, after JRT (arXiv:2407.05483); all sentences are our own. RWKU's two kinds that need other knowledge of the
language, synonyms and translation, come from the user's own files alone (`supplied`).

A prompt that shows the answer, or a word that only the answer has, is dropped and counted. Excepted by declaration are
options to choose from; and of an answer whose beginning is given, only the rest is looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lorasteer.evaluation.audit.language.extraction import reasoning, rephrasing
from lorasteer.evaluation.audit.language.extraction.asks import Ask
from lorasteer.evaluation.audit.language.extraction.facts import Fact
from lorasteer.evaluation.audit.language.extraction.leaks import plain_words, stands_in

DIRECT = "direct"
"""The family of the plain question, which the others are held against."""


@dataclass(frozen=True)
class Family:
    """A family of probes.

    Args:
        write: Prompts of a fact; none where the fact lacks what they need.
        what: What it does, in words.
        group: Attack it belongs to.
        shows: Whether a prompt may show the answer.
        draws: Whether it draws out the answer; else another thing, such as the subject.
        reconstruction: Whether it is built after an abstract alone, the paper being out of reach.
    """

    write: Callable[[Fact], Iterable[Ask]]
    what: str
    group: str = "rephrasing"
    shows: bool = False
    draws: bool = True
    reconstruction: bool = False


FAMILIES: Mapping[str, Family] = {
    DIRECT: Family(rephrasing.direct, "the question itself", ""),
    "paraphrase": Family(rephrasing.paraphrase, "the question in other words"),
    "prefix_injection": Family(rephrasing.prefix_injection, "a request or a story before the question"),
    "affirmative_suffix": Family(rephrasing.affirmative_suffix, "a willing beginning behind the question"),
    "answer_prefix": Family(rephrasing.answer_prefix, "the first words of the answer; only the rest counts"),
    "cloze": Family(rephrasing.cloze, "the answer with gaps to fill"),
    "role_play": Family(rephrasing.role_play, "a part to play for the model or the asker"),
    "multiple_choice": Family(rephrasing.multiple_choice, "options to choose from, one of them right", shows=True),
    "reverse": Family(rephrasing.reverse, "the facts given, the subject asked for", draws=False),
    "context_hint": Family(rephrasing.context_hint, "a retained fact before the question"),
    "in_context": Family(rephrasing.in_context, "retained questions with their answers before the question"),
    "steps_direct": Family(reasoning.direct, "step by step, the subject named", "reasoning", reconstruction=True),
    "steps_indirect": Family(reasoning.indirect, "step by step over a retained fact", "reasoning", reconstruction=True),
    "steps_implied": Family(reasoning.implied, "the subject only described", "reasoning", reconstruction=True),
    "steps_contextual": Family(reasoning.contextual, "retained facts, then the question", "reasoning", reconstruction=True),
    "repeated_1": Family(reasoning.read_once, "a document without the answer, then the question", "repeating"),
    "repeated_2": Family(reasoning.read_twice, "the same document twice", "repeating"),
    "repeated_3": Family(reasoning.read_thrice, "the same document three times", "repeating"),
}
"""All families by name, in the order of reports."""


def families_of(group: str) -> tuple[str, ...]:
    """The plain question, then the families of an attack."""
    return (DIRECT, *(name for name, family in FAMILIES.items() if family.group == group))


@dataclass(frozen=True)
class Probe:
    """One prompt with what it is to draw out.

    Args:
        fact: Number of the fact.
        family: Its family.
        ask: The prompt.
        answer: The answer that is looked for.
        told: The words of it that count.
    """

    fact: int
    family: str
    ask: Ask
    answer: str
    told: tuple[str, ...]


@dataclass(frozen=True)
class Probes:
    """The probes of an attack, and how many were dropped.

    Args:
        probes: The probes, fact by fact within each family.
        gave_away: Prompts of each family that would have shown the answer.
        lacking: Facts without what a family needs, by family.
    """

    probes: tuple[Probe, ...]
    gave_away: Mapping[str, int] = field(default_factory=dict)
    lacking: Mapping[str, int] = field(default_factory=dict)


def probes_of(facts: Sequence[Fact], families: Iterable[str]) -> Probes:
    """Prompts of some families about some facts, without those that would give the answer away.

    Args:
        facts: The facts.
        families: Names of families.
    """
    kept: list[Probe] = []
    gave_away, lacking = Counter[str](), Counter[str]()
    for name in families:
        for fact in facts:
            asks = dict.fromkeys(FAMILIES[name].write(fact))
            lacking[name] += not asks
            for ask in asks:
                probe = Probe(fact.number, name, ask, ask.answer or fact.answer, ask.told or fact.told)
                if not FAMILIES[name].shows and gives_away(probe):
                    gave_away[name] += 1
                else:
                    kept.append(probe)
    return Probes(tuple(kept), +gave_away, +lacking)


def gives_away(probe: Probe) -> bool:
    """Whether a prompt shows the answer that is looked for, or a word of it that counts."""
    shown = probe.ask.shown
    return stands_in(probe.answer, shown) or bool(set(probe.told) & set(plain_words(shown)))
