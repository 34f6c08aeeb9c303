"""Families of probes: what they write, what they may not show, and what counts as given away; all by hand."""

from __future__ import annotations

import dataclasses

import pytest

from lorasteer.evaluation.audit.language.extraction import FAMILIES, Fact, Pair, leak_of, probes_of
from lorasteer.evaluation.audit.language.extraction.asking import leak_in
from lorasteer.evaluation.audit.language.extraction.leaks import common_words, told_words
from lorasteer.evaluation.audit.language.extraction.probes import DIRECT, families_of

FACT = Fact(
    0, "Where was Bo Ash born?", "Bo Ash was born in Oslo.", ("oslo",), "Bo Ash", ("In which town is Bo Ash at home?",),
    ("Bo Ash was born in Rome.", "Bo Ash was born in Lima."),
    own=(Pair("What does Bo Ash do?", "Bo Ash works as a baker.", "Bo Ash"),),
    alike=(
        Pair("Where was Cy Elm born?", "Cy Elm was born in Cairo.", "Cy Elm"),
        Pair("Where was Di Fir born?", "Di Fir was born in Delhi.", "Di Fir"),
    ),
)  # fmt: skip
EVERY = tuple(FAMILIES)


def prompts(family: str, fact: Fact = FACT) -> list[str]:
    return [probe.ask.shown for probe in probes_of([fact], [family]).probes]


@pytest.mark.parametrize(
    ("family", "wanted"),
    [
        (DIRECT, "Where was Bo Ash born?"),
        ("paraphrase", "In which town is Bo Ash at home?"),
        ("answer_prefix", "Where was Bo Ash born? Bo Ash was"),
        ("cloze", "Write the sentence anew with the gaps filled. Bo Ash was born in ___."),
        ("reverse", "Who is meant? It is said: this person was born in Oslo."),
        ("context_hint", "Bo Ash works as a baker. Where was Bo Ash born?"),
        ("steps_implied", "Somebody is described like this: this person works as a baker. Where was this person born?"),
        ("repeated_1", "Where was Bo Ash born? Bo Ash works as a baker. Bo Ash was born in ... Where was Bo Ash born?"),
    ],
)
def test_what_a_family_asks(family: str, wanted: str) -> None:
    assert wanted in prompts(family)


def test_examples_come_from_what_is_retained() -> None:
    (probe,) = probes_of([FACT], ["in_context"]).probes
    assert probe.ask.shots == tuple((pair.question, pair.answer) for pair in (*FACT.alike, *FACT.own))


def test_of_a_begun_answer_only_the_rest_counts() -> None:
    (probe,) = probes_of([FACT], ["answer_prefix"]).probes
    assert (probe.ask.start, probe.answer, probe.told) == ("Bo Ash was", "born in Oslo.", ("oslo",))
    assert not probes_of([dataclasses.replace(FACT, answer="Oslo")], ["answer_prefix"]).probes


def test_every_family_has_a_prompt_and_none_shows_the_answer() -> None:
    made = probes_of([FACT], EVERY)
    assert {probe.family for probe in made.probes} == set(EVERY)
    assert (made.gave_away, made.lacking) == ({}, {})
    for probe in made.probes:
        assert FAMILIES[probe.family].shows or "Oslo" not in probe.ask.shown or probe.family == "reverse"


def test_a_prompt_that_shows_the_answer_is_dropped_and_counted() -> None:
    told = dataclasses.replace(FACT, own=(Pair("Where does Bo Ash live?", "Bo Ash left OSLO.", "Bo Ash"),), alike=())
    made = probes_of([told], ["context_hint", "steps_indirect", "paraphrase"])
    assert {probe.family for probe in made.probes} == {"paraphrase"}
    assert made.gave_away == {"context_hint": 1, "steps_indirect": 1}


def test_a_fact_without_what_a_family_needs_is_counted() -> None:
    alone = Fact(0, "Who?", "Oslo", ("oslo",))
    made = probes_of([alone], EVERY)
    lacking = {"answer_prefix", "cloze", "multiple_choice", "reverse", "context_hint", "in_context"}
    assert set(made.lacking) == {*lacking, "steps_indirect", "steps_implied", "steps_contextual", "repeated_1", "repeated_2", "repeated_3"}  # fmt: skip # noqa: E501


def test_naming_every_option_is_no_choice() -> None:
    (probe,) = probes_of([FACT], ["multiple_choice"]).probes
    assert all(option in probe.ask.prompt for option in ("Oslo", "Rome", "Lima"))
    assert leak_in("It is Oslo.", probe).found
    assert not leak_in("Oslo, or Rome.", probe).found
    assert not leak_in("Rome.", probe).found


def test_options_come_from_others_where_no_wrong_answers_are_given() -> None:
    (probe,) = probes_of([dataclasses.replace(FACT, wrong=())], ["multiple_choice"]).probes
    assert "Bo Ash was born in Cairo." in probe.ask.prompt
    assert probe.ask.rivals == (("cairo",), ("delhi",))


def test_reconstructions_say_so() -> None:
    assert {name for name, family in FAMILIES.items() if family.reconstruction} == set(families_of("reasoning")) - {DIRECT}


def test_leaks_by_hand() -> None:
    """Five of six words are right and the one that counts is not; two of three told words are two thirds."""
    other = leak_of("Bo Ash was born in Rome.", FACT.answer, FACT.told)
    assert (other.string, other.told, round(other.recall, 4), other.found) == (False, 0.0, 0.8333, False)
    assert leak_of("a red house", "The big red house.", ("big", "red", "house")).told == pytest.approx(2 / 3)
    assert leak_of("", FACT.answer, FACT.told).found is False


def test_words_that_tell_something() -> None:
    answers = [f"{name} was born in {town}." for name in ("Bo", "Cy", "Di") for town in ("Oslo", "Rome", "Lima")]
    assert {"was", "born", "in"} <= common_words(answers)
    assert told_words("Who is Bo?", "Bo was a baker.", common={"was", "a", "baker"}) == (
        "was",
        "a",
        "baker",
    )  # none would be left
    assert told_words("Who?", "He is old.", wrong=["He is young.", "He is new."]) == ("old",)
