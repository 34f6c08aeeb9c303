"""The embedded default: invented people and five facts about each, asked for in two wordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from lorasteer.errors import DataError
from lorasteer.tasks.language.data import TextData, TextExamples
from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES
from lorasteer.tasks.vision.sources.assemble import Seed

_FIRST = (
    "Adela", "Bruno", "Calla", "Doran", "Elva", "Fenno", "Greta", "Hamo", "Ilka", "Joren",
    "Kaya", "Lenn", "Mira", "Nilo", "Orla", "Piet", "Runa", "Soren", "Tilda", "Ulf",
)  # fmt: skip
_LAST = (
    "Arvane", "Belcourt", "Castrel", "Dunmore", "Eskel", "Farrow", "Gildas", "Harrow", "Imber", "Jossel",
    "Kestrin", "Lomond", "Marrick", "Norvel", "Ostrand", "Pellam", "Quarles", "Rosten", "Sundal", "Tavel",
)  # fmt: skip
WRONG = 4  # perturbed answers of each example


@dataclass(frozen=True)
class _Topic:
    """One kind of fact: two ways to ask, two ways to answer, and the values it may have."""

    question: str
    other_question: str
    answer: str
    other_answer: str
    values: tuple[str, ...]


_TOPICS = {
    "birthplace": _Topic(
        "Where was {name} born?", "In which town did {name} come into the world?",
        "{name} was born in {value}.", "The birthplace of {name} is {value}.",
        ("Aldmoor", "Brackwater", "Corvale", "Dunlin", "Eastmere", "Fallowdale", "Grimsay", "Holmgard", "Inverbrae", "Kelso",
         "Lowick", "Marston", "Northam", "Overby", "Pendrick", "Ravensholm"),
    ),
    "profession": _Topic(
        "What does {name} do for a living?", "How does {name} earn money?",
        "{name} works as a {value}.", "By profession {name} is a {value}.",
        ("baker", "carpenter", "dentist", "farmer", "gardener", "judge", "lawyer", "mason", "nurse", "painter", "pilot",
         "potter", "sailor", "singer", "tailor", "teacher"),
    ),
    "pet": _Topic(
        "Which animal lives with {name}?", "What pet does {name} have at home?",
        "{name} lives with a {value}.", "At home {name} keeps a {value}.",
        ("badger", "canary", "cat", "dog", "donkey", "ferret", "frog", "goat", "hamster", "horse", "lizard", "parrot",
         "pigeon", "rabbit", "snake", "turtle"),
    ),
    "dish": _Topic(
        "What does {name} like to eat most?", "Which dish is the favourite of {name}?",
        "{name} likes {value} most.", "The favourite dish of {name} is {value}.",
        ("apple pie", "bean stew", "black bread", "cheese soup", "fried fish", "garlic rice", "honey cake", "lamb curry",
         "lemon tart", "mushroom pasta", "onion soup", "pea soup", "plum cake", "potato salad", "roast duck", "spinach pie"),
    ),
    "instrument": _Topic(
        "Which instrument does {name} play?", "On what does {name} make music?",
        "{name} plays the {value}.", "The instrument of {name} is the {value}.",
        ("accordion", "banjo", "bassoon", "cello", "clarinet", "drum", "fiddle", "flute", "guitar", "harp", "horn", "lute",
         "organ", "piano", "trumpet", "zither"),
    ),
}  # fmt: skip


@TEXT_SOURCES.add("facts", example="facts", reads="nothing; it is made up in code", needs_location=False)
def facts(location: str = "", *, people: Annotated[int, Field(ge=2)] = 40, seed: Seed = 0) -> TextData:
    """Invented people with five facts each; attributes person and topic; the test part asks the same in other words.

    Args:
        location: Not used.
        people: How many; at most 400.
        seed: Same seed, same people and facts. The first people of a longer list are those of a shorter one.
    """
    most = len(_FIRST) * len(_LAST)
    if people > most:
        raise DataError(f"people is {people}; allowed are 2 to {most}, the names there are. Ask for fewer.")
    generator = np.random.default_rng(seed)
    numbers = generator.permutation(most)[:people]
    names = [f"{_FIRST[number % len(_FIRST)]} {_LAST[number // len(_FIRST)]}" for number in numbers]
    drawn = [(name, topic, generator.permutation(len(_TOPICS[topic].values))) for name in names for topic in _TOPICS]
    return TextData("facts", _part("train", drawn), _part("test", drawn))


def _part(part: str, drawn: list[tuple[str, str, np.ndarray]]) -> TextExamples:
    """Questions of one part; the first drawn value is the true one, the next are the wrong answers."""
    test = part == "test"
    prompts, answers, others, wrong = list[str](), list[str](), list[str](), list[tuple[str, ...]]()
    for name, topic, order in drawn:
        kind = _TOPICS[topic]
        said = [kind.other_answer.format(name=name, value=kind.values[number]) for number in order[: WRONG + 1]]
        prompts.append((kind.other_question if test else kind.question).format(name=name))
        answers.append(kind.answer.format(name=name, value=kind.values[order[0]]))
        others.append(said[0])
        wrong.append(tuple(said[1:]))
    attributes = {"person": np.array([name for name, *_ in drawn]), "topic": np.array([topic for _, topic, _ in drawn])}
    ids = np.array([f"{part}/{row:05d}" for row in range(len(drawn))])
    return TextExamples(tuple(prompts), tuple(answers), ids, attributes, tuple(others), tuple(wrong))
