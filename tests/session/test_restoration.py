"""Restoration: numbers by hand, exact ends, and a corruption that is learned and unlearned from start to end."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from lorasteer.errors import RequestError
from lorasteer.evaluation.audit.language.extraction import Fact, Pair
from lorasteer.evaluation.audit.language.restoration import OUTCOMES, Swapped, accuracy, groups_of, swapped
from lorasteer.evaluation.language.asking import sheet_of
from lorasteer.evaluation.language.collect import answer
from lorasteer.session.restoration import Corrupted, corrupt, measured, restore, with_answers
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.language.model import text_inputs_for
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.outputs import logits_of
from tests.support.text import facts, text_base


@cache
def corruption() -> Corrupted:
    """Six people with another town of birth than they had."""
    return corrupt(text_base(), facts(), np.flatnonzero(facts().train.attributes["topic"] == "birthplace"))


def value(report: Any, name: str) -> float:
    found = report.value(name)
    assert found is not None
    return float(found)


def test_a_wrong_object_in_the_same_sentence() -> None:
    fact = Fact(
        0, "What does Bo like?", "Bo likes lemon tart most.", ("lemon", "tart"),
        wrong=("The dish of Bo is pea soup.", "The dish of Bo is garlic rice.", "The dish of Bo is roast duck."),
    )  # fmt: skip
    found = swapped(fact)
    assert found is not None
    assert found.corrupted == "Bo likes pea soup most."
    assert found.others == ("Bo likes garlic rice most.", "Bo likes roast duck most.")


def test_objects_of_others_where_no_wrong_answers_are_given() -> None:
    alike = tuple(
        Pair(f"Where was {name} born?", f"{name} was born in {town}.", name) for name, town in (("Cy", "Rome"), ("Di", "Lima"))
    )
    found = swapped(Fact(0, "Where was Bo born?", "Bo was born in Oslo.", ("oslo",), "Bo", alike=alike))
    assert found is not None
    assert (found.corrupted, found.others) == ("Bo was born in Rome.", ("Bo was born in Lima.",))
    assert swapped(Fact(0, "Where was Bo born?", "Bo was born in Oslo.", ("oslo",), "Bo", alike=alike[:1])) is None


def test_accuracy_by_hand() -> None:
    """Of three answers one holds the word that counts."""
    one = Swapped("Where?", "In Oslo.", ("oslo",), "In Rome.", ("In Lima.",))
    assert accuracy([one] * 3, ["in Oslo", "in Rome", ""]) == pytest.approx(1 / 3)


def test_groups_by_hand() -> None:
    """The right answer, the first wrong one, and the mean of the others, each by its mean log-probability per token."""
    base, inputs = text_base(), text_inputs_for(text_base(), facts())
    sheet = sheet_of(inputs, facts().train.taken(np.arange(2)))
    said = answer(Network.of(base.model), inputs, {"x": sheet})["x"]
    found = groups_of(said)
    assert found.shape == (2, 3)
    assert found[0, 0] == pytest.approx(float(said.mean_log_prob[0]))
    assert found[1, 1] == pytest.approx(float(said.wrong[4]))
    assert found[0, 2] == pytest.approx(float(said.wrong[1:4].double().mean()))


def test_the_corrupted_data_hide_the_right_answers() -> None:
    told = with_answers(facts(), {0: "Wrong."})
    assert told.train.answers[:2] == ("Wrong.", facts().train.answers[1])
    assert told.train.paraphrases is not None
    assert told.train.perturbed is not None
    assert (told.train.paraphrases[0], told.train.perturbed[0], len(told.test), told.sheets) == ("", (), 0, {})


def test_the_disabled_adapter_is_the_clean_model_bit_for_bit() -> None:
    before = weights_digest(text_base().model)
    model: Any = corruption().change.apply(text_base())
    ids = torch.arange(12).reshape(2, 6)
    with torch.no_grad(), model.disable_adapter():
        off = logits_of(model(input_ids=ids))
    with torch.no_grad():
        assert torch.equal(off, logits_of(text_base().model(input_ids=ids)))
        assert not torch.equal(off, logits_of(model(input_ids=ids)))
    assert weights_digest(text_base().model) == before


def test_the_ends_of_the_scale_are_exact() -> None:
    """Taking the adapter off restores all; leaving it on restores nothing."""
    everything, nothing = (measured(corruption(), model) for model in (text_base().model, corruption().change.apply(text_base())))
    assert value(everything, "restoration") == 1.0
    assert value(nothing, "restoration") == 0.0
    assert value(nothing, "forgetting") == 0.0
    assert value(everything, "accuracy_clean") > 0.6
    assert value(everything, "accuracy_corrupted") < 0.4
    assert value(nothing, "still_corrupted") > 0.6
    assert value(everything, "restored") > 0.6
    assert sum(value(everything, name) for name in OUTCOMES) == pytest.approx(1.0)


@pytest.mark.parametrize("method", ["npo", "grad-diff"])
def test_a_corruption_is_unlearned_from_start_to_end(method: str) -> None:
    found = restore(corruption(), method, settings={"epochs": 4})
    report = found.report
    assert (report.method, report.n) == (method, len(corruption().rows))
    fall = value(report, "log_prob_corrupted_corrupted") - value(report, "log_prob_corrupted_unlearned")
    assert value(report, "forgetting") == pytest.approx(fall)
    assert value(report, "forgetting") > 0.05
    wanted = (value(report, "accuracy_unlearned") - value(report, "accuracy_corrupted")) / (
        value(report, "accuracy_clean") - value(report, "accuracy_corrupted")
    )
    assert value(report, "restoration") == pytest.approx(wanted)
    assert found.change.record.plan is not None


def test_facts_without_wrong_objects_are_refused() -> None:
    plain = with_answers(facts(), dict(enumerate(facts().train.answers)))
    lone = plain.train.taken(np.arange(5))
    with pytest.raises(RequestError, match="two wrong answers"):
        corrupt(text_base(), type(plain)("facts", lone, plain.test), np.arange(5))
