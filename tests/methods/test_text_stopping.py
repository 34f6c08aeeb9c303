"""When training on text stops: a band with two ends, what held-out examples show, and what the rest may lose."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lorasteer.core.tokens import token_statistics
from lorasteer.errors import PlanError
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.stopping import Reading
from lorasteer.methods.text_pools import make_text_pools
from lorasteer.methods.text_source import Asker, Source, Text
from lorasteer.methods.text_stopping import Aim, Band, Eyes, aim_of, ends, goal_of
from tests.support.errors import refuses
from tests.support.tiny_text import inputs_of, tiny_material, tiny_plan, tiny_splits, tiny_text

BASE = Reading(forget=0.9, retain=0.8, unseen=0.2, membership=0.9)


def test_a_band_has_two_ends() -> None:
    band = Band(0.1, 0.2)

    assert band.missed(0.1) == band.missed(0.2) == 0
    assert band.missed(0.4) == pytest.approx(math.log(2))
    assert band.missed(0.025) == pytest.approx(math.log(4))
    assert math.isfinite(band.missed(0.0))
    assert Band(0.0, 0.2).missed(0.0) == 0


def test_the_upper_end_is_the_lower_of_the_two_that_are_given() -> None:
    settings = TextAdapterSettings(stop_at=0.1, forget_probability=0.2, retain_within=0.1, least_probability=0.05)
    aim = aim_of(tiny_plan(), settings, BASE)

    assert aim == Aim(Band(0.05, pytest.approx(0.09)), pytest.approx(0.72))  # type: ignore[arg-type]
    assert aim.missed(Reading(0.08, 0.75)) == 0
    assert aim.missed(Reading(0.08, 0.36)) == pytest.approx(0.5)  # half of what should be retained is gone
    assert aim.missed(Reading(0.18, 0.8)) == pytest.approx(math.log(2))
    assert aim.missed(Reading(0.001, 0.8)) == 0  # a change is turned down afterwards


def test_without_an_upper_end_nothing_stops_it() -> None:
    assert not ends(tiny_plan(), TextAdapterSettings(forget_probability=None))
    assert ends(tiny_plan(), TextAdapterSettings(forget_probability=None, stop_at=0.0))
    assert ends(tiny_plan(aim="match-unseen"), TextAdapterSettings(forget_probability=None))


def test_held_out_examples_are_the_band_where_they_are_the_aim() -> None:
    aim = aim_of(tiny_plan(aim="match-unseen"), TextAdapterSettings(retain_within=0.5), BASE)

    assert aim.missed(Reading(0.2, 0.8, 0.2, 0.5)) == 0
    assert aim.missed(Reading(0.44, 0.8, 0.2, 0.5)) == pytest.approx(math.log(2))
    assert aim.missed(Reading(0.2, 0.8, 0.09, 0.5)) == pytest.approx(0.5)
    assert aim.missed(Reading(0.2, 0.8, 0.2, 0.64)) == pytest.approx(0.1)


def test_the_truth_ratio_is_watched_where_it_is_asked_for() -> None:
    settings = TextAdapterSettings(forget_probability=0.2, most_truth_ratio=0.8, least_truth_ratio=0.6)
    aim = aim_of(tiny_plan(), settings, BASE)

    assert aim.missed(Reading(0.2, 0.8, truth=0.7)) == 0
    assert aim.missed(Reading(0.2, 0.8, truth=0.3)) == pytest.approx(math.log(2))
    far = aim_of(tiny_plan(), settings, Reading(0.9, 0.8, truth=0.2))
    assert far.missed(Reading(0.4, 0.8)) == pytest.approx(math.log(2) + math.log(3)), "the base's own stands for it"


def test_a_reading_is_what_the_model_says() -> None:
    """Probabilities and truth ratio of the base, beside a plain computation for one example of each kind."""
    material = tiny_material(splits=tiny_splits(validation=4))
    settings = TextAdapterSettings(retain=4)
    pools = make_text_pools(material, tiny_plan(material=material, aim="match-unseen"), settings)
    source = Source(material, material.before(()))
    asker = Asker(material.network(), 0)
    read = Eyes(source, material.network(), truths=(3,)).reading(pools, lambda text: asker.hidden([text])[0])

    def likely(text: Text) -> float:
        hidden, network = material.network().at_targets(text.tokens), material.network()
        return token_statistics(hidden, network.head_weight, None, text.tokens.targets[2]).log_prob.mean().item()

    inputs, data = material.inputs, material.inputs.data.train
    each = [likely(Text(inputs.tokens("train", pools.judged.index[place : place + 1]))) for place in range(12)]
    assert data.paraphrases is not None
    assert data.perturbed is not None
    right = likely(Text(inputs.encode([data.prompts[3]], [data.paraphrases[3]])))
    wrong = [likely(Text(inputs.encode([data.prompts[3]], [answer]))) for answer in data.perturbed[3]]
    ratio = math.exp(sum(wrong) / 2 - right)

    assert read.forget == pytest.approx(torch.tensor(each).exp().mean().item(), rel=1e-4)
    assert read.truth == pytest.approx(min(ratio, 1 / ratio), rel=1e-4)
    eyes = Eyes(source, material.network(), truths=(3,))
    assert eyes.reading(pools, lambda text: asker.hidden([text])[0], near=read.forget).truth == read.truth
    assert eyes.reading(pools, lambda text: asker.hidden([text])[0], near=read.forget / 2) == replace(read, truth=None)
    assert read.unseen is not None
    assert 0 < read.unseen <= 1


def test_a_truth_ratio_needs_other_wordings() -> None:
    whole = tiny_text()
    bare = inputs_of(replace(whole, train=replace(whole.train, paraphrases=None)))
    material = replace(tiny_material(), inputs=bare)
    settings, plan = TextAdapterSettings(most_truth_ratio=0.8), tiny_plan()
    source, asker = Source(material, material.before(())), Asker(material.network(), 0)

    def ask(text: Text) -> torch.Tensor:
        return asker.hidden([text])[0]

    with refuses(PlanError, "most_truth_ratio", "paraphrase"):
        goal_of(source, make_text_pools(material, plan, settings), plan, settings, ask)
