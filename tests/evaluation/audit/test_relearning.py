"""Relearning."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.courses import Course, checkpoints
from lorasteer.evaluation.audit.recovery import Judge, Score
from lorasteer.evaluation.audit.relearning import RelearnSettings, related, relearn
from lorasteer.evaluation.audit.subject import Ground, answers
from tests.support.audited import (
    SEVEN,
    base,
    changed,
    false_alarms,
    fifty,
    ground,
    linear,
    masked,
    never_saw,
    readings,
    single_examples,
    untrained,
    value,
    vector_ground,
)  # fmt: skip
from tests.support.proofs import proves

TWO = torch.eye(2)
LABELS = torch.tensor([0, 1])
RETAINED_ONLY = ("relearn-related", "relearn-unrelated")
QUICK = RelearnSettings(examples=32, steps=10, head_rate=1e-2, body_rate=1e-2)


def two_classes(suppressed_by: float) -> tuple[Ground, Subject]:
    """The base tells (1, 0) from (0, 1); the subject gives (0, 1) `-suppressed_by` for its class, and 0 for the other."""
    place = vector_ground(linear([[4.0, 0.0], [0.0, 4.0]]), TWO.repeat(2, 1), LABELS.repeat(2), target=1)
    return place, Subject.of_network("suppressed", linear([[4.0, 0.0], [0.0, -suppressed_by]]))


@pytest.mark.parametrize(("by", "steps"), [(0.15, 1), (0.25, 2), (0.75, 5)])
@proves("hand", "relearn-forget")
def test_steps_to_recover_worked_by_hand(by: float, steps: int) -> None:
    """AdamW's first steps move every weight by the learning rate, 0.1, against its gradient.

    For (0, 1) the score of class 0 falls from 0 to -0.1 and that of class 1 rises by 0.1: the distance closes by 0.2 at a step.
    0.15 is passed after one step, 0.25 after two, 0.75 after four, which is seen at the fifth.
    """
    place, subject = two_classes(by)
    found = run_attack("relearn-forget", place, subject, RelearnSettings(examples=2, steps=10, head_rate=0.1, body_rate=0.1))
    assert [found.value(f"relearn_steps_{scope}") for scope in ("touched", "all")] == [steps, steps]
    assert value(found, "relearned_all") == 1.0


NEAR = [[4.0, 0.0], [0.0, 4.0]]
FAR = [[4.0, 0.0, 0.0, 1.0], [0.0, 4.0, 0.0, 1.0], [0.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 4.0]]


@pytest.mark.parametrize(("by", "steps"), [(0.15, 1), (0.25, 2), (0.75, 5)])
@pytest.mark.parametrize(("attack", "knows", "leans"), [(RETAINED_ONLY[0], NEAR, ()), (RETAINED_ONLY[1], FAR, (-2.0, -2.0))])
@proves("hand", *RETAINED_ONLY)
def test_steps_on_retained_examples_worked_by_hand(
    attack: str, knows: list[list[float]], leans: tuple[float, ...], by: float, steps: int
) -> None:
    """The last input is 1 for the target and -1 for the class before it, whose examples alone are learned.

    They pull that class's weight for it down by 0.1 at a step and the target's up by 0.1: the distance, `by`, closes by 0.2.
    Among four classes the base takes the target for the first two, whose weight is 1, so the third is the one that does not
    resemble it; they rise with the target, from -2.
    """
    size = len(knows)
    rows = torch.eye(size)
    rows[-2, -1] = -1.0
    place = vector_ground(linear(knows), rows.repeat(2, 1), torch.arange(size).repeat(2), target=size - 1)
    weight = torch.tensor(knows)
    weight[:, -1] = torch.tensor([*leans, 0.0, -by])
    subject = Subject.of_network("suppressed", linear(weight.tolist()))
    found = run_attack(attack, place, subject, RelearnSettings(examples=2, steps=10, head_rate=0.1, body_rate=0.1))
    assert [found.value(f"relearn_steps_{scope}") for scope in ("touched", "all")] == [steps, steps]
    assert found.notes[0].startswith("Taught 2 examples, retained")


def test_what_never_comes_back_has_no_number_of_steps() -> None:
    place, subject = two_classes(5.0)
    found = run_attack("relearn-forget", place, subject, RelearnSettings(examples=2, steps=2, head_rate=0.1, body_rate=0.1))
    assert found.value("relearn_steps_touched") is None
    assert found["relearn_steps_touched"].note == "less than 50% recovered within 2 steps"
    assert value(found, "relearned_touched") == 0.0


def test_area_and_best_of_a_course() -> None:
    """Steps 0, 1, 5 at 0, 0.5, 1: 0.25 + 4 * 0.75 = 3.25 of 5."""
    course = Course((0, 1, 5), (Score(0, 1, 0, 0.5), Score(0.5, 1, 0.5, 0.9), Score(1, 1, 1, 0.8)))
    assert (course.area, course.best.rank, course.steps_to(0.6)) == (pytest.approx(0.65), 0.8, 5)


@pytest.mark.parametrize(("steps", "places"), [(1, (0, 1)), (3, (0, 1, 2, 3)), (50, (0, 1, 2, 5, 10, 20, 50))])
def test_places_to_judge_at(steps: int, places: tuple[int, ...]) -> None:
    assert checkpoints(steps) == places


def test_remembered_activations_change_nothing() -> None:
    """The head alone learns: once from what the first layers said, once by full forward passes."""
    place, subject = ground(), masked(8.0)
    chosen = np.concatenate([place.splits.forget[:8], place.splits.retain[:8]])
    judge = Judge.on(place)
    course = relearn(place, subject, judge, chosen, scope="touched", settings=QUICK)
    network = base().copy().requires_grad_(False)
    network.load_state_dict(subject.network.state_dict())
    learning = [parameter.requires_grad_(True) for name in place.layers for parameter in network.get_submodule(name).parameters()]
    optimizer = torch.optim.AdamW(learning, QUICK.head_rate, weight_decay=0.0)
    for _ in range(QUICK.steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(place.batch("train", chosen)), place.labels("train", chosen))
        loss.backward()
        optimizer.step()
    said = judge.score(*(answers(network, place.inputs, *side) for side in (judge.target, judge.others)))
    assert course.scores[-1][:3] == pytest.approx(said[:3], abs=0.01)


@proves("power", "relearn-forget")
def test_it_finds_knowledge_that_a_small_bias_hides() -> None:
    """Power: the seven's bias is lowered as far as hides it. It is back long before models that never saw a seven learn one."""
    hidden, *others = readings("relearn-forget", "relearn_area_touched", [masked(12.0), *fifty()[:8]], QUICK)
    assert hidden > max(others) + 0.2


@proves("power", "relearn-forget")
def test_a_masked_logit_is_found_once_its_output_is_taken_away() -> None:
    """Power: no step reaches a bias of -10000. With a fresh output the masked model learns as fast as the base, bit for bit."""
    place = ground()
    mask, knows = (run_attack("relearn-forget", place, subject, QUICK) for subject in (masked(), place.original))
    assert value(mask, "relearned_touched") == value(mask, "relearned_all") == 0.0
    assert value(mask, "relearn_area_reset") == value(knows, "relearn_area_reset")
    assert value(mask, "relearn_area_reset") > max(readings("relearn-forget", "relearn_area_reset", fifty()[:8], QUICK))


@proves("power", *RETAINED_ONLY)
def test_repairing_general_damage_on_unrelated_examples_brings_the_target_back() -> None:
    """Power: one that 'forgot' by a shift of all hidden features learns other digits, and knows the sevens again."""
    damaged = changed("damaged", {"fc2.bias": base().model.get_parameter("fc2.bias") - 8.0})
    place = ground()
    before = Judge.on(place).known(damaged).recovered
    settings = RelearnSettings(examples=64, head_rate=1e-2, body_rate=1e-2)
    after = {name: value(run_attack(name, place, damaged, settings), "relearned_all") for name in RETAINED_ONLY}
    assert before < 0.1
    assert after["relearn-unrelated"] > 0.7
    assert after["relearn-related"] > before


@proves("null", *RETAINED_ONLY, draws=50)
def test_retained_examples_alone_do_not_cry_wolf() -> None:
    """Null: no model that never saw a seven learns it from other digits."""
    settings = RelearnSettings(steps=5, head_rate=1e-2, body_rate=1e-2)
    for name in RETAINED_ONLY:
        assert max(readings(name, "relearned_all", fifty(), settings)) < 0.1


@proves("null", "relearn-forget", draws=50)
def test_it_does_not_cry_wolf() -> None:
    """Null: of fifty models that never saw a seven at most one in ten looks like the base."""
    names = [f"relearn_area_{scope}" for scope in ("touched", "all", "reset")]
    rates = false_alarms("relearn-forget", *names, settings=RelearnSettings(steps=5, head_rate=1e-2, body_rate=1e-2))
    assert max(rates.values()) <= 0.1, rates


def test_one_that_was_never_trained_recovers_nothing() -> None:
    never = Subject.of_network("never trained", untrained(99))
    assert readings("relearn-forget", "relearned_all", [never])[0] < 0.5


def test_related_are_the_classes_the_base_takes_the_target_for() -> None:
    place = ground()
    near = related(place)
    likely = place.logits(place.original, "train", place.splits.forget).softmax(-1).mean(0)
    likely[SEVEN] = 0
    assert set(near) == set(likely.topk(2).indices.tolist())


def test_where_the_class_is_retained_it_is_its_own_relative() -> None:
    place = ground(splits=single_examples())
    assert related(place) == (SEVEN,)
    found = run_attack("relearn-related", place, masked(8.0), QUICK)
    assert found.notes == ("Taught 63 examples, retained, of classes 7; judged on 62 others of the target and 300 retained.",)


def test_retrained_ones_are_not_all_alike() -> None:
    """The steps and areas are of the model, not of the examples drawn."""
    areas = readings("relearn-forget", "relearn_area_reset", [never_saw(number) for number in range(5)], QUICK)
    assert len(set(areas)) > 1
