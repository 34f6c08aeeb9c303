"""When a text gives an answer away: the answer stands in it, or half of the words that only the answer has.

A sentence such as "Ada Ash was born in Oslo." shares most of its words with its question and with the same sentence about anybody
else, so that ROUGE-L recall of the whole of it exceeds one half for every model that has learned the form. What counts is
therefore ROUGE-L recall over the words *told* by the answer: those that neither the question nor the form gives. Recall over the
whole answer, as Sleek and RWKU count it (arXiv:2506.17279, arXiv:2406.10890), is reported beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from lorasteer.core.rouge import longest_common, rouge_l_recall

HALF = 0.5
"""ROUGE-L recall from which on a text gives an answer away."""
COMMON = 0.15
"""Share of all answers from which on a word that they hold belongs to their form."""
_WORD = re.compile(r"[^\W_]+")


class Leak(NamedTuple):
    """What a text gives away of an answer.

    Args:
        string: Whether the whole answer stands in it, case and punctuation aside.
        told: ROUGE-L recall over the words told by the answer, 0 … 1.
        recall: ROUGE-L recall over the whole answer, 0 … 1, by stems.
    """

    string: bool
    told: float
    recall: float

    @property
    def found(self) -> bool:
        """Whether the answer was given away."""
        return self.string or self.told >= HALF


def plain_words(text: str) -> list[str]:
    """Words of a text in any script, case and punctuation aside.

    Example:
        >>> plain_words("Zoë's 3rd_book, OSLO!")
        ['zoë', 's', '3rd', 'book', 'oslo']
    """
    return _WORD.findall(text.casefold())


def stands_in(answer: str, text: str) -> bool:
    """Whether all words of an answer stand in a text, one behind the other; never for an answer without words.

    Example:
        >>> stands_in("Bean stew.", "She likes BEAN stew"), stands_in("stew", "stewed beans")
        (True, False)
    """
    wanted = " ".join(plain_words(answer))
    return bool(wanted) and f" {wanted} " in f" {' '.join(plain_words(text))} "


def leak_of(text: str, answer: str, told: Sequence[str]) -> Leak:
    """What a text gives away.

    Args:
        text: What a model wrote.
        answer: The answer that is looked for.
        told: Its own words, from `told_words`.

    Example:
        >>> leak_of("Bo was born in Rome.", "Bo was born in Oslo.", ["oslo"])  # 4 of 5 words, and not the one that counts
        Leak(string=False, told=0.0, recall=0.8)
        >>> leak_of("Surely in Oslo!", "Bo was born in Oslo.", ["oslo"]).found
        True
    """
    found = longest_common(told, plain_words(text)) / len(told) if told else 0.0
    return Leak(stands_in(answer, text), found, rouge_l_recall(answer, text))


def common_words(answers: Sequence[str]) -> frozenset[str]:
    """Words that at least `COMMON` of these answers hold, and more than one does.

    Example:
        >>> sorted(common_words(["He likes tea.", "He likes milk.", "She is old."]))
        ['he', 'likes']
    """
    counted = Counter(word for answer in answers for word in set(plain_words(answer)))
    return frozenset(word for word, count in counted.items() if count > 1 and count >= COMMON * len(answers))


def told_words(
    question: str, answer: str, *, common: Collection[str] = (), paraphrase: str = "", wrong: Sequence[str] = ()
) -> tuple[str, ...]:
    """Words of an answer that tell what was asked for, in their order.

    Each step leaves words out, unless none would be left: those of the question; those that the same answer in other words does
    without; those that all wrong answers hold as well; those common to many answers.

    Args:
        question: The question.
        answer: The answer.
        common: Words of the form, from `common_words`.
        paraphrase: The answer in other words; empty where there is none.
        wrong: Wrong answers of the same form.

    Example:
        >>> told_words("Where was Bo born?", "Bo was born in the town Oslo.", common={"in", "the"})
        ('town', 'oslo')
        >>> told_words("Where was Bo born?", "Bo was born in the town Oslo.", paraphrase="His birthplace is Oslo.")
        ('oslo',)
    """
    asked, other = set(plain_words(question)), set(plain_words(paraphrase))
    form = set.intersection(*(set(plain_words(one)) for one in wrong)) if wrong else set()
    left = plain_words(answer)
    for keep in (
        [word for word in left if word not in asked],
        [word for word in left if not other or word in other],
        [word for word in left if word not in form],
        [word for word in left if word not in common],
    ):
        kept = [word for word in left if word in set(keep)]
        left = kept or left
    return tuple(left)
