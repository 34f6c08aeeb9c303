"""Relearning by language models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lorasteer.evaluation.audit import run_attack
from lorasteer.evaluation.audit.language.recovery import TextJudge
from lorasteer.evaluation.audit.language.relearning import (
    TextRelearnSettings,
    alike,
    answer_loss,
    babble,
    related,
    relearn,
    words,
)
from lorasteer.tasks.language.network import Network
from tests.support.audited_text import (
    TARGET,
    base,
    data,
    false_alarms,
    ground,
    innocent,
    inputs,
    rows,
    splits,
    suppressed,
    suppression,
    value,
)
from tests.support.proofs import proves

QUICK = TextRelearnSettings(examples=8, steps=5)
NAMES = ("relearn-forget", "relearn-related", "relearn-unrelated")


def test_the_loss_is_that_of_answers_alone_worked_by_hand() -> None:
    """Equal to the mean of -log p over the tokens that full logits give."""
    tokens, network = inputs().tokens("train", np.arange(3)), Network.of(base().model)
    with torch.no_grad():
        logits = base().model(input_ids=tokens.ids).logits.log_softmax(-1)
        row, column, labels = tokens.targets
        assert answer_loss(network, tokens).item() == pytest.approx(-logits[row, column, labels].mean().item(), abs=1e-5)


@proves("hand", *NAMES)
def test_one_step_moves_every_weight_by_the_rate_of_its_tensor() -> None:
    """AdamW's first step is the rate against the sign of the gradient: a matrix of 32 inputs moves by 0.05 * rms / sqrt(32)."""
    place = ground()
    name = "model.layers.1.mlp.up_proj"
    place = replace(place, touched=(name,))
    before = base().model.get_parameter(f"{name}.weight")
    moved = 0.05 * before.square().mean().sqrt().item() / 32**0.5
    caught: list[torch.Tensor] = []
    judge = TextJudge.on(place)

    class Catching(TextJudge):
        def tried(self, network: torch.nn.Module) -> object:  # type: ignore[override]
            caught.append(network.get_parameter(f"{name}.weight").detach().clone())
            return super().tried(network)

    catching = Catching(judge.ground, judge.forget, judge.retain, judge.base)
    relearn(
        place, place.original, catching, inputs().tokens("train", rows(TARGET)), scope="touched",
        settings=TextRelearnSettings(steps=1),
    )  # fmt: skip
    step = (caught[1] - caught[0]).abs()
    assert torch.equal(caught[0], before)
    assert step.max().item() == pytest.approx(moved, rel=1e-3)
    assert step.median().item() == pytest.approx(moved, rel=1e-2)


def test_no_answer_that_is_taught_is_asked_for_in_other_words() -> None:
    place = ground()
    taught = place.drawn(place.splits.forget, 12, "relearn forget")
    judge = TextJudge.on(place, without=taught)
    asked = set(judge.forget.examples.answers)
    assert judge.size == 13
    assert not asked & set(data().train.taken(taught).answers)
    found = run_attack("relearn-forget", place, place.original, QUICK)
    assert found.notes[0].startswith("Taught 16 texts, 8 of them of the target; judged on 17 other answers of the target and")


def test_related_are_worded_like_the_target() -> None:
    place = ground(splits_of=splits(TARGET[:1]))
    chosen = data().train.taken(related(place, 6))
    mine = data().train.taken(rows(TARGET[:1]))
    near = [max(alike(words(one), words(other)) for other in mine.prompts) for one in chosen.prompts]
    assert min(near) >= 0.5
    assert not set(chosen.ids.tolist()) & set(mine.ids.tolist())


def test_invented_words_hold_no_answer_and_fit_the_model() -> None:
    texts = babble(ground(), 20)
    spoken = {word for text in texts for word in words(text)}
    known = {word for part in (data().train, data().test) for text in part.answers for word in words(text)}
    assert len(texts) == len(set(texts)) == 20
    assert not spoken & known
    assert inputs().encode([""] * 20, texts).ids.shape[1] <= inputs().max_length


def test_a_target_of_one_example_gives_a_reason() -> None:
    lone = replace(splits(TARGET[:1]), forget=rows(TARGET[:1])[:1])
    found = run_attack("relearn-forget", ground(splits_of=lone), suppressed(), QUICK)
    assert found.value("relearned_all") is None
    assert found["relearned_all"].note == "no examples to learn from (0 of them of the target)"


@proves("power", "relearn-forget")
def test_it_finds_knowledge_that_a_change_of_the_last_block_hides() -> None:
    """Power: half of the facts bring the other half back, in other words; in two models that never read of them they do not."""
    place = replace(ground(), touched=suppression().layers)
    hidden, *others = (run_attack("relearn-forget", place, one) for one in (suppressed(), innocent(0), innocent(1)))
    assert value(hidden, "relearned_all") > 0.5
    assert value(hidden, "relearn_area_all") > 0.4
    assert max(value(other, "relearned_all") for other in others) < 0.1


@proves("null", *NAMES, draws=50)
@proves("power", "relearn-related", "relearn-unrelated")
@pytest.mark.parametrize("name", NAMES[1:])
def test_other_texts_alone_show_more_of_what_is_hidden_than_of_what_is_not_there(name: str) -> None:
    """Power: weaker than with facts of the target, but several times what two models give that never read of them."""
    place = replace(ground(), touched=suppression().layers)
    hidden, *others = (
        value(run_attack(name, place, one), "relearned_touched") for one in (suppressed(), innocent(0), innocent(1))
    )
    assert hidden > 3 * max(others)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_cry_wolf(name: str) -> None:
    """Null: of fifty models and people they never read of, at most one in twenty looks more like the base than like others."""
    measured = [f"{what}_{scope}" for what in ("relearned", "relearn_area") for scope in ("touched", "all")]
    rates = false_alarms(name, *measured, settings=QUICK)
    assert max(rates.values()) <= 0.05, rates
