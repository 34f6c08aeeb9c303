"""A base of text that many tests share: a tiny Llama that knows five facts about each of six invented people."""

from __future__ import annotations

from functools import cache

from lorasteer.records import Request, Target
from lorasteer.session.text_bench import TextBench
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.model import LanguageBase, train_language_model
from lorasteer.tasks.language.sources import load_text
from lorasteer.tasks.training import FitSettings

FACTS = "facts?people=6"
PERSON = "Nilo Gildas"
"""The first of the people."""
RECIPE = FitSettings(epochs=60, batch_size=16, learning_rate=5e-3, schedule="one-cycle", precision="fp32")


@cache
def facts() -> TextData:
    """Thirty facts, asked in other words in the test part."""
    return load_text(FACTS)


@cache
def text_base() -> LanguageBase:
    """A model that has memorised most of them."""
    return train_language_model(facts(), RECIPE, model="llama-tiny")


@cache
def text_bench() -> TextBench:
    """That model on the bench, without a cache folder."""
    return TextBench(text_base(), facts())


def forget_person(**values: object) -> Request:
    """Forget the five facts about one person, quickly."""
    return Request.model_validate(
        {"target": Target(where=f"person == {PERSON!r}"), "method": "npo", "settings": {"epochs": 4}, **values}
    )
