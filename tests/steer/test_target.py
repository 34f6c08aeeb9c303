"""Targets: which examples each kind selects, and a clear line for those that select nothing usable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lorasteer.errors import RequestError
from lorasteer.records import Target
from lorasteer.steer.target import choose, positions, splits_for
from lorasteer.tasks.splits import Holdout
from lorasteer.tasks.vision.data import ImageData


def refused(target: Target, data: ImageData, holdout: Holdout) -> str:
    with pytest.raises(RequestError) as caught:
        splits_for(target, data, holdout, 0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_class_names_select_their_examples_in_both_parts(data: ImageData, holdout: Holdout) -> None:
    """Every third of 36 and 18 examples is a cat: 12 and 6; one training cat is held out."""
    splits = splits_for(Target(classes=("cat",)), data, holdout, 0)
    assert splits.sizes() == {"forget": 11, "retain": 22, "forget_test": 6, "retain_test": 12, "validation": 3}
    assert set(data.train.labels[splits.forget]) == {0}
    assert set(data.test.labels[splits.forget_test]) == {0}


def test_several_classes_are_one_target(data: ImageData) -> None:
    chosen = choose(Target(classes=("cat", "fire truck")), data, 0)
    assert chosen.train.sum() == 24
    assert chosen.wording == "classes cat, fire truck"


def test_a_predicate_selects_in_both_parts(data: ImageData) -> None:
    """Sub-names alternate every three examples: 6 of 12 training cats and 3 of 6 test cats are tabby cats."""
    chosen = choose(Target(where="class == cat and subname in {tabby_cat}"), data, 0)
    assert (chosen.train.sum(), chosen.test.sum()) == (6, 3)
    assert np.array_equal(choose(Target(where="id == train-4"), data, 0).train, np.arange(36) == 4)


def test_a_predicate_on_a_column_the_test_part_lacks_selects_no_test_example(data: ImageData) -> None:
    bare = replace(data, test=replace(data.test, attributes={}))
    chosen = choose(Target(where="slant > 0"), bare, 0)
    assert chosen.train.sum() == 18
    assert not chosen.test.any()
    assert "the test part has no column 'slant'" in chosen.wording


def test_ids_select_training_examples_only(data: ImageData) -> None:
    chosen = choose(Target(ids=("train-5", "train-7", "train-5")), data, 0)
    assert np.flatnonzero(chosen.train).tolist() == [5, 7]
    assert not chosen.test.any()


def test_a_file_of_ids_may_hold_blank_lines_and_comments(data: ImageData, tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("\ufeff# asked for in March\r\ntrain-8\r\n\r\n  train-9  \r\n", encoding="utf-8")
    chosen = choose(Target(ids_file=str(path)), data, 0)
    assert np.flatnonzero(chosen.train).tolist() == [8, 9]


def test_random_examples_are_drawn_by_the_seed_outside_the_held_out_ones(data: ImageData, holdout: Holdout) -> None:
    target = Target(random=32)
    first, again, other = (splits_for(target, data, holdout, seed) for seed in (1, 1, 2))
    assert first.digest == again.digest != other.digest
    assert len(first.forget) == 32
    assert len(first.forget_test) == 0


def test_random_examples_may_come_from_anywhere_when_test_examples_are_held_out(data: ImageData) -> None:
    splits = splits_for(Target(random=35), data, Holdout("test", np.array([0])), 0)
    assert splits.sizes() == {"forget": 35, "retain": 1, "forget_test": 0, "retain_test": 17, "validation": 1}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target(classes=("cta",)), "unknown class 'cta'. Did you mean 'cat'? Allowed: cat, dog, fire truck."),
        (Target(where="class == cta"), "column 'class' has no value 'cta'. Did you mean 'cat'?"),
        (Target(where="slant > 5"), "selects none of the 33 training examples"),
        (Target(where="id == train-0"), "selects none of the 33 training examples"),
        (Target(where="slant >= -1"), "selects all 33 training examples; nothing would be retained"),
        (Target(classes=("cat", "dog", "fire truck")), "selects all 33 training examples"),
        (
            Target(ids=("train-1", "train-99", "x")),
            "target ids: 2 of 3 are not in the training set, the first is 'train-99'. Did you mean 'train-",
        ),
        (Target(random=33), "asks for 33 of 33 training examples; nothing would be retained. Ask for fewer than 33."),
        (Target(random=10**9), "asks for 1000000000 of 33"),
    ],
)
def test_a_target_that_cannot_be_used_gets_one_clear_line(
    target: Target, message: str, data: ImageData, holdout: Holdout
) -> None:
    assert message in refused(target, data, holdout)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names no example. Write one id per line."),
        (b"# nothing\n\n", "names no example"),
        (b"\xff\xfe\x00", "it is not UTF-8 text"),
        (
            b"train-1\nnobody\n",
            "1 of 2 are not in the training set, the first is 'nobody'. Training ids look like 'train-0', 'train-1'.",
        ),
    ],
)
def test_a_file_that_names_nothing_usable_gets_one_clear_line(
    content: bytes, message: str, data: ImageData, holdout: Holdout, tmp_path: Path
) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes(content)
    assert message in refused(Target(ids_file=str(path)), data, holdout)


def test_a_file_that_is_missing_or_a_folder_gets_one_clear_line(data: ImageData, holdout: Holdout, tmp_path: Path) -> None:
    missing = refused(Target(ids_file=str(tmp_path / "no.txt")), data, holdout)
    assert "No such file or directory. Give a text file with one id per line." in missing
    assert "Is a directory" in refused(Target(ids_file=str(tmp_path)), data, holdout)


def test_positions_keep_the_order_asked_for() -> None:
    assert positions(["c", "a", "c"], np.array(["a", "b", "c"]), what="ids").tolist() == [2, 0]
