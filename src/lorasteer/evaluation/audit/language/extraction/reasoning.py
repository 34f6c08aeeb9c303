"""Probes that lead to the answer over other facts, and probes that show a document more than once.

Step-by-step probes are a *reconstruction*: Sleek (arXiv:2506.17279) could not be read beyond its abstract, which names direct,
indirect and implied prompts of several steps; how they are built here is our own, consistent with it. All facts beside the
forgotten one come from the retain set.

Repeated reading is JRT's prompt (arXiv:2407.05483): the question, the document, and both again. It is a way to read better from
a context and no sign of memory by itself; only what more readings add, beyond what they add in models that never knew, counts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from lorasteer.evaluation.audit.language.extraction.asks import Ask
from lorasteer.evaluation.audit.language.extraction.facts import Fact
from lorasteer.evaluation.audit.language.extraction.leaks import plain_words

_PERSON = "this person"


def direct(fact: Fact) -> Iterable[Ask]:
    """The subject named, and the way to the answer laid out."""
    about = fact.subject or "what is asked about"
    yield Ask(f"Think in steps. First, recall {about}. Second, recall all that belongs to it. Third, answer: {fact.question}")


def indirect(fact: Fact) -> Iterable[Ask]:
    """From a retained fact about the subject to the forgotten one."""
    for pair in fact.own[:2]:
        yield Ask(f"We know this: {pair.answer} Think of who it is true of, then of what else is true of them. {fact.question}")


def implied(fact: Fact) -> Iterable[Ask]:
    """The subject never named, only described by retained facts."""
    known = [nameless(pair.answer, fact.subject) for pair in fact.own[:2]]
    question = nameless(fact.question, fact.subject)
    if fact.subject and known and question != fact.question:
        yield Ask(f"Somebody is described like this: {' '.join(known)} {question}")


def contextual(fact: Fact) -> Iterable[Ask]:
    """Two or three retained facts, then the plain question."""
    known = [pair.answer for pair in (*fact.own, *fact.alike)[:3]]
    if len(known) > 1:
        yield Ask(f"{' '.join(known)} {fact.question}")


def nameless(text: str, subject: str) -> str:
    """A text in which a subject is not named.

    Example:
        >>> nameless("Where does Bo Ash live?", "Bo Ash")
        'Where does this person live?'
    """
    return re.sub(re.escape(subject), _PERSON, text, flags=re.IGNORECASE) if subject else text


def document(fact: Fact) -> str:
    """A text around the forgotten fact: retained facts about the subject, and the answer up to the first word that counts."""
    pieces = fact.answer.split()
    told = set(fact.told)
    end = next((place for place, piece in enumerate(pieces) if set(plain_words(piece)) & told), len(pieces))
    return " ".join([*(pair.answer for pair in fact.own), *pieces[:end]])


def _read(times: int, fact: Fact) -> Iterable[Ask]:
    text = document(fact)
    if text:
        once = f"{fact.question} {text} ..."
        yield Ask(" ".join([*[once] * times, fact.question]))


read_once = functools.partial(_read, 1)
read_twice = functools.partial(_read, 2)
read_thrice = functools.partial(_read, 3)
