"""Going on with a training: two runs are one, what comes after the aim, and which change a plan can begin at."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

from lorasteer.changes import Change, WeightChange, compose, load_change, save_change
from lorasteer.errors import PlanError
from lorasteer.methods import METHODS, Start, continues, obstacle, settings_of, unlearn
from lorasteer.methods.settings import AdapterSettings
from lorasteer.tasks.material import Material
from lorasteer.tasks.tensors import digest_of
from tests.support.errors import refuses
from tests.support.toy import accuracy, answers, half_class, toy_base, toy_material, toy_plan

TRAINING = [name for name in METHODS.names(tasks="vision") if continues(name)]
OTHERS = [name for name in METHODS.names(tasks="vision") if not continues(name)]
GENTLE = {"learning_rate": 1e-4, "batch_size": 32}
each_method = pytest.mark.parametrize("name", TRAINING)


@cache
def material() -> Material:
    """One material for all, so that activations are computed once."""
    return toy_material()


def trained(name: str, epochs: int, start: Start | None = None, **settings: Any) -> Change:
    return unlearn(material(), toy_plan(name, settings={**GENTLE, **settings, "epochs": epochs}), start=start)


def going_on(change: Change) -> Start:
    """What continues a change with the state of its training."""
    assert change.resume
    return Start(change, change.resume)


def stopping(step: int) -> Callable[[Any], bool]:
    return lambda progress: progress.step == step


def same(one: Change, other: Change) -> bool:
    """Whether numbers, and all that a further training starts from, are equal to the bit."""
    assert one.resume
    assert other.resume
    return one.record.tensors == other.record.tensors and digest_of(one.resume) == digest_of(other.resume)


def test_training_methods_continue_and_others_do_not() -> None:
    assert set(TRAINING) == {
        name for name in METHODS.names(tasks="vision") if "epochs" in METHODS[name].factory.Settings.model_fields
    }
    assert OTHERS


@each_method
def test_two_runs_of_two_epochs_are_one_of_four(name: str) -> None:
    whole, half = trained(name, 4), trained(name, 2)
    second = trained(name, 2, going_on(half))
    assert whole.record.training.reason == half.record.training.reason == "finished"
    assert not same(half, whole)
    assert same(second, whole)
    assert second.record.training.steps == whole.record.training.steps
    assert second.record.training.kept_step == whole.record.training.kept_step


@each_method
def test_stopped_by_a_person_and_gone_on_is_never_stopped(name: str) -> None:
    """Stopped within the second epoch of two: one whole epoch is done, so one more makes two."""
    plan = toy_plan(name, settings={**GENTLE, "epochs": 2})
    whole = unlearn(material(), plan)
    steps = whole.record.training.steps
    stopped = unlearn(material(), plan, [stopping(steps // 2 + 2)])
    assert (stopped.record.training.reason, stopped.record.training.steps) == ("stopped", steps // 2 + 2)
    assert same(trained(name, 1, going_on(stopped)), whole)


@pytest.mark.parametrize("name", ["lora-ihl", "random-labels"])
def test_what_is_gone_on_from_stays_as_it_was(name: str) -> None:
    """To go on a second time, after an undo, is to go on for the first time."""
    half = trained(name, 1)
    before = digest_of(half.resume or {})
    first, again = trained(name, 1, going_on(half)), trained(name, 1, going_on(half))
    assert same(first, again)
    assert digest_of(half.resume or {}) == before


def test_the_best_state_so_far_is_never_given_up_for_a_worse_one() -> None:
    """Steps as large as these end the target and the rest alike; the watch keeps what was best before them."""
    reached = unlearn(material(), toy_plan("lora-ihl", settings={"epochs": 8}))
    wild = toy_plan("lora-ihl", settings={"epochs": 2, "learning_rate": 3.0, "clip_norm": None})
    worse = unlearn(material(), wild, start=Start(reached))
    assert reached.record.training.reason == "aim reached"
    assert worse.record.training.kept_step == 0
    assert answers(worse.apply(toy_base())).equal(answers(reached.apply(toy_base())))


def test_an_aim_that_is_met_does_not_end_a_training_that_goes_on() -> None:
    settings = {"epochs": 4, "stop_at": 0.5}
    reached = unlearn(material(), toy_plan("lora-ihl", settings=settings))
    further = unlearn(material(), toy_plan("lora-ihl", settings=settings), start=going_on(reached))
    assert reached.record.training.reason == "aim reached"
    assert further.record.training.reason == "finished"
    assert further.record.training.kept_step > reached.record.training.steps
    assert further.record.tensors != reached.record.tensors
    model = further.apply(toy_base())
    assert accuracy(model, forgotten=True) < 0.5
    assert accuracy(model, forgotten=False) > 0.9


@each_method
def test_without_the_state_of_training_it_begins_where_the_change_is(name: str) -> None:
    """No epoch moves nothing, so the answers are those of the change it started from."""
    half = trained(name, 1)
    torch.testing.assert_close(
        answers(trained(name, 0, Start(half)).apply(toy_base())), answers(half.apply(toy_base())), rtol=1e-5, atol=1e-5
    )
    further = trained(name, 1, Start(half))
    assert further.record.training.steps == half.record.training.steps
    assert further.record.tensors != half.record.tensors


@pytest.mark.parametrize("name", ["lora-ihl", "gradient-ascent"])
@pytest.mark.parametrize("strength", [0.5, 1.5])
def test_it_begins_at_the_strength_of_the_change(name: str, strength: float) -> None:
    dialled = trained(name, 2, learning_rate=1e-3).at(strength)
    begun = trained(name, 0, Start(dialled))
    assert begun.record.strength == 1
    torch.testing.assert_close(answers(begun.apply(toy_base())), answers(dialled.apply(toy_base())), rtol=1e-4, atol=1e-4)


def test_another_method_and_other_settings_may_go_on() -> None:
    half = trained("lora-ihl", 1)
    other = trained("lora-masked-kl", 1, Start(half), learning_rate=1e-3)
    assert other.record.plan is not None
    assert other.record.plan.method == "lora-masked-kl"
    assert other.record.tensors != trained("lora-masked-kl", 1, learning_rate=1e-3).record.tensors


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("lora-ihl", {"rank": 4}, ("fc1, fc2 at rank 4, alpha 16", "fc1, fc2 at rank 8, alpha 16")),
        ("lora-ihl", {"layers": ("fc2",)}, ("adapts fc2 at rank 8",)),
        ("gradient-ascent", {}, ("trains weights", "the change so far is an adapter")),
        ("logit-mask", {}, ("it does not train, so there is nothing to go on with",)),
    ],
)
def test_a_change_that_does_not_fit_is_refused(name: str, settings: dict[str, Any], words: tuple[str, ...]) -> None:
    plan = toy_plan(name, settings=settings)
    with refuses(PlanError, f"method '{name}' cannot go on from this change", *words, "Begin at the base instead"):
        unlearn(material(), plan, start=Start(trained("lora-ihl", 1)))


def test_an_adapter_does_not_go_on_from_weights_or_from_several_changes() -> None:
    settings = settings_of("lora-ihl", {})
    weights, mask = trained("gradient-ascent", 1), unlearn(material(), toy_plan("logit-mask"))
    assert "the change so far is new values of weights" in obstacle(settings, weights, toy_base())
    both = compose(toy_base(), [trained("lora-ihl", 1), mask])
    assert "the change so far is made of several" in obstacle(settings, both, toy_base())
    assert isinstance(settings, AdapterSettings)
    assert obstacle(settings, trained("lora-ihl", 1), toy_base()) == ""
    assert isinstance(weights, WeightChange)


@pytest.mark.parametrize("other", [{"seed": 2}, {"settings": {"learning_rate": 1e-3}}, {"aim": "match-unseen"}], ids=str)
def test_the_optimiser_of_another_plan_is_refused(other: dict[str, Any]) -> None:
    half = trained("lora-ihl", 1)
    plan = toy_plan("lora-ihl", **{"settings": {**GENTLE, "epochs": 1}, **other})
    with refuses(PlanError, "the state of training belongs to a plan with other settings, seed or examples", "resume=None"):
        unlearn(material(), plan, start=going_on(half))


def test_a_loaded_change_goes_on_with_the_state_that_was_kept_beside_it(tmp_path: Any) -> None:
    half = trained("lora-ihl", 1)
    loaded = load_change(save_change(half, tmp_path / "change"), toy_base())
    assert loaded.resume is None
    assert same(trained("lora-ihl", 1, Start(loaded, half.resume)), trained("lora-ihl", 1, going_on(half)))


def test_a_training_that_broke_leaves_nothing_to_go_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    wild = {"epochs": 60, "learning_rate": 10, "anchor": "none", "retain": 0, "clip_norm": None}
    collapsed = unlearn(material(), toy_plan("lora-ihl", settings=wild))
    assert "collapsed" in collapsed.record.training.reason
    assert collapsed.resume is None
    monkeypatch.setattr("torch.optim.AdamW.step", spoil)
    broken = trained("gradient-ascent", 1)
    assert broken.record.training.reason == "diverged"
    assert broken.resume is None


def spoil(optimizer: torch.optim.AdamW) -> None:
    """A step after which no weight is a number."""
    with torch.no_grad():
        for parameter in optimizer.param_groups[0]["params"]:
            parameter.fill_(torch.nan)


def test_half_a_class_with_the_aim_to_match_goes_on_as_well() -> None:
    half = half_class()
    ground = toy_material(half)

    def run(epochs: int, start: Start | None = None) -> Change:
        plan = toy_plan("lora-ihl", splits=half, aim="match-unseen", settings={**GENTLE, "epochs": epochs})
        return unlearn(ground, plan, start=start)

    whole, part = run(2), run(1)
    assert whole.record.training.reason == "finished"
    assert same(run(1, going_on(part)), whole)
