"""ROUGE-L recall and the stems it counts."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.core.rouge import longest_common, rouge_l_recall, rouge_words
from lorasteer.core.stemmer import stem

words = st.lists(st.sampled_from("abcd"), max_size=12)


def plain(one: list[str], other: list[str]) -> int:
    @cache
    def length(i: int, j: int) -> int:
        if not i or not j:
            return 0
        if one[i - 1] == other[j - 1]:
            return length(i - 1, j - 1) + 1
        return max(length(i - 1, j), length(i, j - 1))

    return length(len(one), len(other))


@given(words, words)
def test_the_common_subsequence_is_the_definition_spelled_out(one: list[str], other: list[str]) -> None:
    assert longest_common(one, other) == plain(one, other)


def test_recall_worked_by_hand() -> None:
    """Of "the cat sat on the mat" the words the, cat, on, mat come again in their order: 4 of 6."""
    assert rouge_l_recall("The cat sat on the mat.", "the cat was on a mat", stemmed=False) == pytest.approx(4 / 6)


def test_recall_does_not_ask_what_else_was_written() -> None:
    assert rouge_l_recall("Paris", "I believe that it must be Paris, in France.") == 1.0
    assert rouge_l_recall("Paris in France", "France in Paris") == pytest.approx(1 / 3)


def test_nothing_written_or_nothing_to_find_is_zero() -> None:
    assert rouge_l_recall("Paris", "") == rouge_l_recall("…", "Paris") == 0.0


def test_stems_make_forms_of_a_word_equal() -> None:
    assert rouge_l_recall("writes novels", "writing a novel") == 1.0
    assert rouge_l_recall("writes novels", "writing a novel", stemmed=False) == 0.0


def test_short_words_are_left_alone() -> None:
    assert rouge_words("was his bus") == ["was", "his", "bus"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        # Porter's paper, by step
        *(("caresses", "caress"), ("ponies", "poni"), ("caress", "caress"), ("cats", "cat")),
        *(("feed", "feed"), ("agreed", "agre"), ("bled", "bled"), ("motoring", "motor"), ("sing", "sing")),
        *(("conflated", "conflat"), ("troubled", "troubl"), ("sized", "size"), ("hopping", "hop"), ("falling", "fall")),
        *(("hissing", "hiss"), ("fizzed", "fizz"), ("failing", "fail"), ("filing", "file"), ("happy", "happi")),
        *(("relational", "relat"), ("conditional", "condit"), ("digitizer", "digit"), ("radically", "radic")),
        *(("vietnamization", "vietnam"), ("operator", "oper"), ("hopefulness", "hope"), ("formality", "formal")),
        *(("triplicate", "triplic"), ("formative", "form"), ("electrical", "electr"), ("goodness", "good")),
        *(("revival", "reviv"), ("allowance", "allow"), ("replacement", "replac"), ("adoption", "adopt")),
        *(("probate", "probat"), ("rate", "rate"), ("cease", "ceas"), ("controlling", "control"), ("roll", "roll")),
        # where NLTK differs from the paper
        *(("sky", "sky"), ("dying", "die"), ("news", "news"), ("ties", "tie"), ("tied", "tie"), ("spied", "spi")),
        *(("enjoy", "enjoy"), ("cry", "cri"), ("archaeology", "archaeolog"), ("is", "is")),
    ],
)  # fmt: skip
def test_stems_known_from_the_paper_and_from_nltk(word: str, expected: str) -> None:
    assert stem(word) == expected
