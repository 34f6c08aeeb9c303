"""Targets in text: by attribute, keyword, ids and chance, in both parts, and one clear line for what selects nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from lorasteer.errors import RequestError
from lorasteer.records import Target
from lorasteer.steer.target import choose, splits_for, texts
from lorasteer.tasks.splits import Holdout
from tests.steer.text_toy import text_data
from tests.support.errors import refuses

NOBODY = Holdout("test", np.empty(0, np.int64))


def chosen(target: Target) -> tuple[list[int], list[int]]:
    found = choose(target, text_data(), 0)
    return np.flatnonzero(found.train).tolist(), np.flatnonzero(found.test).tolist()


def test_an_entity_is_chosen_in_both_parts() -> None:
    assert chosen(Target(where="person == 'Ben Romer'")) == ([2, 3], [1])
    assert chosen(Target(where="person in {'Ann Low', 'Dee Fox'} and topic == home")) == ([0, 6], [0, 3])


def test_text_itself_is_a_column() -> None:
    assert chosen(Target(where="answer == 'In Rome.'")) == ([2, 6], [])


@pytest.mark.parametrize("word", ["Rome", "rOmE", " rome "])
def test_a_keyword_is_found_whole_in_prompts_and_answers(word: str) -> None:
    """Rome is in two answers; Romer is another word."""
    assert chosen(Target(keyword=word)) == ([2, 6], [1, 3])


def test_a_keyword_may_be_several_words() -> None:
    assert chosen(Target(keyword="ben romer live")) == ([2], [])


def test_splits_of_a_keyword() -> None:
    splits = splits_for(Target(keyword="Rome"), text_data(), Holdout("test", np.array([3])), 0)
    assert splits.sizes() == {"forget": 2, "retain": 6, "forget_test": 1, "retain_test": 2, "validation": 1}


def test_ids_a_file_of_them_and_chance(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("train/5\n# a comment\ntrain/1\n", encoding="utf-8")
    assert chosen(Target(ids=("train/0",))) == ([0], [])
    assert chosen(Target(ids_file=str(path))) == ([1, 5], [])
    assert len(chosen(Target(random=3))[0]) == 3


def test_an_unknown_entity_is_refused_with_the_nearest() -> None:
    with refuses(RequestError, "has no value 'Ben Roemer'", "Did you mean 'Ben Romer'?"):
        chosen(Target(where="person == 'Ben Roemer'"))


def test_an_unknown_keyword_is_refused_with_the_nearest() -> None:
    with refuses(RequestError, "no training example holds the word 'Romme'", "Near it: rome"):
        chosen(Target(keyword="Romme"))
    with refuses(RequestError, "'xyzzyx'", "Look for a word that occurs"):
        chosen(Target(keyword="xyzzyx"))


def test_classes_are_refused_with_the_columns() -> None:
    with refuses(RequestError, "has no classes", "person, topic, year, prompt, answer, id"):
        chosen(Target(classes=("Ann Low",)))


def test_everything_is_no_target() -> None:
    with refuses(RequestError, "all 8 training examples"):
        splits_for(Target(where="year > 0"), text_data(), NOBODY, 0)


def test_a_keyword_is_one_way_among_others() -> None:
    with pytest.raises(ValidationError, match="exactly one of classes, ids, where, keyword"):
        Target(keyword="Rome", where="topic == home")
    with pytest.raises(ValidationError, match="exactly one of"):
        Target(keyword="  ")


def test_images_hold_no_text(data) -> None:
    with refuses(RequestError, "holds no text"):
        choose(Target(keyword="cat"), data, 0)
    assert texts(text_data(), "train")[0] == "Where does Ann Low live? In Oslo."
