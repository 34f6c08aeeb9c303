"""Porter's stemmer (An algorithm for suffix stripping, 1980), with the departures that Python's usual implementation makes.

TOFU's ROUGE counts words by their stem as NLTK finds it: Porter's five steps, the two changes of Martin Porter's own later
version, and a few rules more, each named where it is. `stem` follows them so that published numbers can be reproduced.

A word is a chain of consonants C and vowels V, [C](VC)^m[V]; m is its measure. `y` is a vowel after a consonant.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple


class Rule(NamedTuple):
    """Replace a suffix where the stem before it meets a condition.

    Args:
        suffix: What the word ends with.
        instead: What takes its place.
        when: Condition on the stem; none where left out.
    """

    suffix: str
    instead: str
    when: Callable[[str], bool] = bool


_IRREGULAR = {
    "skies": "sky", "sky": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news", "innings": "inning",
    "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning", "howe": "howe",
    "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}  # fmt: skip


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The stem of a word in lower case.

    Example:
        >>> [stem(word) for word in ("caresses", "ponies", "relational", "hopping", "happy", "novels", "writing")]
        ['caress', 'poni', 'relat', 'hop', 'happi', 'novel', 'write']
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    for step in (_plural, _past, _final_y, _double_suffix, _full_suffix, _single_suffix, _final_e, _final_l):
        word = step(word)
    return word


def _is_vowel(word: str) -> list[bool]:
    found: list[bool] = []
    for letter in word:
        found.append(letter in "aeiou" or (letter == "y" and bool(found) and not found[-1]))
    return found


def _measure(stem: str) -> int:
    """How often a vowel is followed by a consonant."""
    return sum(one and not next_ for one, next_ in itertools.pairwise(_is_vowel(stem)))


def _long(stem: str) -> bool:
    return _measure(stem) > 1


def _some(stem: str) -> bool:
    return _measure(stem) > 0


def _has_vowel(stem: str) -> bool:
    return any(_is_vowel(stem))


def _doubled(word: str) -> bool:
    """Ends with the same consonant twice."""
    return len(word) >= 2 and word[-1] == word[-2] and not _is_vowel(word)[-1]


def _short(word: str) -> bool:
    """Ends consonant, vowel, consonant but w, x or y; two letters, vowel and consonant, count as well (NLTK)."""
    vowels = _is_vowel(word)
    if len(word) == 2:
        return vowels[0] and not vowels[1]
    return len(word) >= 3 and vowels[-3:] == [False, True, False] and word[-1] not in "wxy"


def _applied(word: str, rules: Sequence[Rule]) -> str:
    """The first rule whose suffix fits decides, whether or not its condition holds."""
    for suffix, instead, when in rules:
        if word.endswith(suffix):
            start = word[: len(word) - len(suffix)]
            return start + instead if when(start) else word
    return word


def _always(_: str) -> bool:
    return True


def _plural(word: str) -> str:
    """Step 1a. Of four letters, `ties` becomes `tie` (NLTK)."""
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    return _applied(
        word, [Rule("sses", "ss", _always), Rule("ies", "i", _always), Rule("ss", "ss", _always), Rule("s", "", _always)]
    )


def _past(word: str) -> str:
    """Step 1b. `ied` becomes `ie` in four letters, else `i` (NLTK)."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _some(word[:-3]) else word
    for suffix in ("ed", "ing"):
        start = word[: -len(suffix)]
        if word.endswith(suffix) and _has_vowel(start):
            return _mended(start)
    return word


def _mended(stem: str) -> str:
    """What is left of a word without its `ed` or `ing`, made a word again."""
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if _doubled(stem):
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if _measure(stem) == 1 and _short(stem) else stem


def _final_y(word: str) -> str:
    """Step 1c: `y` behind a consonant that is not the first letter becomes `i` (NLTK; Porter asks for a vowel before it)."""
    start = word[:-1]
    return start + "i" if word.endswith("y") and len(start) > 1 and not _is_vowel(start)[-1] else word


def _double_suffix(word: str) -> str:
    """Step 2. `alli` becomes `al` and is looked at again (NLTK); `bli`, `fulli` and `logi` are of the later version."""
    if word.endswith("alli") and _some(word[:-4]):
        return _double_suffix(word[:-2])
    if word.endswith("logi"):
        return word[:-1] if _some(word[:-3]) else word
    return _applied(word, _STEP_2)


def _full_suffix(word: str) -> str:
    """Step 3."""
    return _applied(word, _STEP_3)


def _single_suffix(word: str) -> str:
    """Step 4."""
    return _applied(word, _STEP_4)


def _final_e(word: str) -> str:
    """Step 5a."""
    start = word[:-1]
    drop = word.endswith("e") and (_long(start) or (_measure(start) == 1 and not _short(start)))
    return start if drop else word


def _final_l(word: str) -> str:
    """Step 5b."""
    return word[:-1] if word.endswith("ll") and _long(word[:-1]) else word


_STEP_2 = [
    Rule(suffix, instead, _some)
    for suffix, instead in (
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"),
        ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"),
        ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"),
        ("biliti", "ble"), ("fulli", "ful"),
    )
]  # fmt: skip
_STEP_3 = [
    Rule(suffix, instead, _some)
    for suffix, instead in (
        ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
    )
]  # fmt: skip
_STEP_4 = [
    *(Rule(suffix, "", _long) for suffix in ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent")),
    Rule("ion", "", lambda stem: _long(stem) and stem[-1] in "st"),
    *(Rule(suffix, "", _long) for suffix in ("ou", "ism", "ate", "iti", "ous", "ive", "ize")),
]
