"""Text examples: what they refuse, what their digest covers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lorasteer.errors import DataError
from lorasteer.tasks.language.data import TextData, no_examples
from tests.support.errors import refuses
from tests.tasks.language.build import examples

ONE = examples(("Who?", "Ann."), ("Where?", "Here."), attributes={"age": np.array([3, 4])}, paraphrases=("It is Ann.", ""))


def test_taken_keeps_every_column_in_order() -> None:
    other = ONE.taken(np.array([1, 0]))
    assert other.prompts == ("Where?", "Who?")
    assert other.answers == ("Here.", "Ann.")
    assert other.ids.tolist() == ["1", "0"]
    assert other.attributes["age"].tolist() == [4, 3]
    assert other.paraphrases == ("", "It is Ann.")
    assert other.perturbed is None


@pytest.mark.parametrize(
    "changed",
    [
        replace(ONE, prompts=("Who?", "When?")),
        replace(ONE, answers=("Ann.", "There.")),
        replace(ONE, ids=np.array(["0", "2"])),
        replace(ONE, attributes={"age": np.array([3, 5])}),
        replace(ONE, attributes={"age": np.array([3.0, 4.0])}),
        replace(ONE, paraphrases=None),
        replace(ONE, perturbed=(("Bob.",), ())),
    ],
)
def test_the_digest_covers_everything(changed: object) -> None:
    assert replace(ONE).digest == ONE.digest
    assert changed.digest != ONE.digest  # type: ignore[attr-defined]


def test_the_data_digest_covers_sheets_and_refusals() -> None:
    plain = TextData("x", ONE, no_examples(ONE))
    assert replace(plain, name="y").digest == plain.digest
    assert len({plain.digest, replace(plain, sheets={"more": ONE}).digest, replace(plain, refusals=("No.",)).digest}) == 3


def test_refusals_of_examples() -> None:
    with refuses(DataError, "'prompts' has 1 rows", "2 answers"):
        replace(ONE, prompts=("Who?",))
    with refuses(DataError, "'1' has an empty answer", "1 such"):
        replace(ONE, answers=("Ann.", " "))
    with refuses(DataError, "1 example ids repeat"):
        replace(ONE, ids=np.array(["0", "0"]))
    with refuses(DataError, "attribute 'age'", "numbers or text"):
        replace(ONE, attributes={"age": np.array([[1], [2]])})


def test_data_needs_something_to_learn() -> None:
    with refuses(DataError, "no training example"):
        TextData("x", no_examples(ONE), ONE)
    with refuses(DataError, "refusal"):
        TextData("x", ONE, ONE, refusals=())
