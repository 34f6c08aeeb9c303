"""ROUGE-L recall: how much of a reference is found again, in its order, in what a model wrote (Lin, 2004)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lorasteer.core.stemmer import stem

_WORD = re.compile(r"[a-z0-9]+")


def rouge_words(text: str, *, stemmed: bool = True) -> list[str]:
    """Words of a text as ROUGE counts them: lower case, letters a-z and digits only.

    Args:
        text: Any text.
        stemmed: Reduce words of more than three letters to their stem, as TOFU does.

    Example:
        >>> rouge_words("Jaime's NOVELS, 1958.")
        ['jaim', 's', 'novel', '1958']
    """
    words = _WORD.findall(text.lower())
    return [stem(word) if len(word) > 3 else word for word in words] if stemmed else words


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Each word of `other` takes a few operations on whole numbers with one bit per word of `one` (Hyyrö, 2004).

    Example:
        >>> longest_common("abcbd", "bdcabd")  # b, c, b, d
        4
    """
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    all_places = (1 << len(one)) - 1
    open_places = all_places
    for word in other:
        hit = open_places & places.get(word, 0)
        open_places = (open_places + hit | open_places - hit) & all_places
    return len(one) - open_places.bit_count()


def rouge_l_recall(reference: str, written: str, *, stemmed: bool = True) -> float:
    """Share of the reference's words in the longest common subsequence with what was written; 0 where it has no words.

    Args:
        reference: The right text.
        written: The model's text.
        stemmed: Compare stems, as TOFU does.

    Example:
        >>> rouge_l_recall("The author writes novels", "The novels of an author")  # the, author: 2 of 4
        0.5
    """
    words = rouge_words(reference, stemmed=stemmed)
    return longest_common(words, rouge_words(written, stemmed=stemmed)) / len(words) if words else 0.0
