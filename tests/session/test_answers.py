"""Models are asked about the same examples, which are gathered once and held where they fit."""

from __future__ import annotations

from dataclasses import replace

import torch

from lorasteer.records import Direction
from lorasteer.session.answers import RETAIN_SAMPLE, Question, key_of, retain_sample
from lorasteer.steer.translate import Translation
from tests.support.digits import bench, forgotten, request

PARTS = ("forget", "retain", "forget_test", "retain_test", "validation")
FACTS = {"subject": "x", "model": "m"}


def question(budget: int) -> Question:
    translation = bench().translate(request())
    return Question(bench().material(translation.splits), translation, budget)


def weighed(translation: Translation, weight: float) -> Translation:
    weights = (weight,) * len(translation.splits.forget)
    return replace(translation, plan=translation.plan.model_copy(update={"weights": weights}))


def test_held_or_read_the_answers_are_equal_to_the_bit() -> None:
    change = forgotten().change
    network, held, read = change.apply(bench().base), question(1 << 30), question(0)
    for _ in range(2):
        mine, theirs = (asked.outputs(network, change.layers, **FACTS) for asked in (held, read))
        for name in PARTS:
            assert getattr(mine, name).logits.equal(getattr(theirs, name).logits)
            assert getattr(mine, name).labels.equal(getattr(theirs, name).labels)


def test_rows_are_held_up_to_the_budget_and_only_behind_a_cut() -> None:
    change, held, read = forgotten().change, question(1 << 30), question(10_000)
    network = change.apply(bench().base)
    for asked in (held, read):
        asked.outputs(network, change.layers, **FACTS)
        asked.outputs(network, (), **FACTS)
    assert sorted(name for name, _ in held._held) == sorted(PARTS)
    assert read._held == {}


def test_the_sample_is_the_same_for_every_model_and_no_larger_than_it_need_be() -> None:
    splits = bench().translate(request()).splits
    assert retain_sample(splits).tolist() == retain_sample(splits).tolist() == splits.retain.tolist()
    assert len(splits.retain) < RETAIN_SAMPLE


def test_a_direction_is_part_of_the_question() -> None:
    plain = bench().translate(request())
    keys = {key_of(plain), key_of(weighed(plain, 1.0)), key_of(weighed(plain, 0.5))}
    assert len(keys) == 3
    assert key_of(weighed(plain, 0.5)) in keys
    said = Question(bench().material(plain.splits), weighed(plain, 0.5)).outputs(bench().base.model, (), **FACTS)
    assert said.selected is not None
    assert torch.equal(said.selected, torch.full((len(plain.splits.forget),), 0.5))


def test_two_directions_on_one_target_do_not_share_their_weights() -> None:
    """The base is asked once for each direction: its selectivity is about the examples of that direction."""
    low = bench().translate(request(direction=Direction(attribute="ink")))
    high = bench().translate(request(direction=Direction(attribute="ink", descending=True)))
    first, second = (bench().known(translation)[0].selected for translation in (low, high))
    assert first is not None
    assert second is not None
    assert not first.equal(second)


def test_a_turned_strength_says_what_the_whole_network_says_to_the_bit() -> None:
    change, asked, plain = forgotten().change, question(1 << 30), question(1 << 30)
    for strength in (1.0, 0.4, 1.5):
        network = change.apply(bench().base, strength=strength)
        mine = asked.outputs(network, change.layers, adapter=change.record.tensors, **FACTS)
        theirs = plain.outputs(network, change.layers, **FACTS)
        for name in PARTS:
            assert getattr(mine, name).logits.equal(getattr(theirs, name).logits)
    assert list(asked._halves) == [change.record.tensors]


def test_answers_of_a_layer_are_remembered_for_one_adapter_and_where_they_fit() -> None:
    change, held, read = forgotten().change, question(1 << 30), question(10_000)
    network = change.apply(bench().base)
    for asked in (held, read):
        for digest in ("one", "other"):
            asked.outputs(network, change.layers, adapter=digest, **FACTS)
    assert list(held._halves) == ["other"]
    assert read._halves == {}
