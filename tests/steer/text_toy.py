"""Eight written facts about four people, asked again in other words in the test part."""

from __future__ import annotations

import numpy as np

from lorasteer.tasks.language.data import TextData, TextExamples

PEOPLE = ("Ann Low", "Ben Romer", "Cy Dale", "Dee Fox")


def text_data() -> TextData:
    """Rows 2 i and 2 i + 1 are person i's home and job; `year` counts up; Ben Romer lives in Rome."""
    homes = ("Oslo", "Rome", "Bern", "Rome")
    train = [
        pair
        for name, home in zip(PEOPLE, homes, strict=True)
        for pair in ((f"Where does {name} live?", f"In {home}."), (f"What is {name}?", "A baker."))
    ]
    test = [(f"Name the home of {name}.", f"{home}, of course.") for name, home in zip(PEOPLE, homes, strict=True)]
    return TextData("toy", _examples("train", train, 2), _examples("test", test, 1))


def _examples(part: str, pairs: list[tuple[str, str]], each: int) -> TextExamples:
    prompts, answers = zip(*pairs, strict=True)
    names = np.repeat(PEOPLE, each)
    topics = np.array(["home", "job"])[np.arange(len(pairs)) % each]
    ids = np.array([f"{part}/{row}" for row in range(len(pairs))])
    return TextExamples(prompts, answers, ids, {"person": names, "topic": topics, "year": np.arange(len(pairs)) + 1900.0})
