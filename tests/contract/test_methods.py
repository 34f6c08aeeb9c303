"""The contract of every registered method, on one toy task. What is asked of a method follows from the facts it states."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lorasteer.changes import Change, compose, load_change, save_change
from lorasteer.errors import PlanError, RequestError, TrainingDiverged
from lorasteer.methods import METHODS, Start, continues, settings_of, unlearn
from lorasteer.records import Plan, Request, Target
from lorasteer.steer.translate import translate
from lorasteer.tasks import training
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.material import Material
from lorasteer.tasks.training import Progress
from lorasteer.tasks.vision.classifier import holdout_for
from tests.support.errors import refuses
from tests.support.toy import accuracy, answers, half_class, hooks_of, splits_where, toy_base, toy_data, toy_material, toy_plan

METHOD_NAMES = METHODS.names(tasks="vision")
RETAIN_MAY_LOSE = 0.05  # share of right answers on retained test images, where something holds them in place
NEEDS_ALL = frozenset({"labels", "retain", "class-target"})

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(check, method) -> why the check does not apply. A fact is to be preferred where one can say it."""


def trains(name: str) -> bool:
    return "epochs" in METHODS[name].factory.Settings.model_fields


def anchored(name: str) -> bool:
    """Whether something holds the rest in place: an anchor by default, or that nothing but the target's own rows is touched."""
    settings: Any = settings_of(name, {})
    return not trains(name) or settings.anchor != "none"


def each_method(check: Callable[..., None], *, where: Callable[[str], bool] = lambda name: True) -> Callable[..., None]:
    """Run a check for every method whose facts call for it."""
    names = [name for name in METHOD_NAMES if where(name)]
    marked = [
        pytest.param(name, marks=pytest.mark.skip(reason=reason)) if (reason := EXCEPTIONS.get((check.__name__, name))) else name
        for name in names
    ]
    return pytest.mark.parametrize("name", marked)(check)


def where(condition: Callable[[str], bool]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return lambda check: each_method(check, where=condition)


def carried_out(name: str, *, material: Material | None = None, **facts: Any) -> Change:
    return unlearn(material or toy_material(), toy_plan(name, **facts))


@cache
def usual(name: str) -> Change:
    """The change of the method's own defaults, made once."""
    return carried_out(name)


def whole(change: Change) -> bool:
    """Whether a change gives a working model: finite answers of the right shape, and every weight finite."""
    model = change.merged(toy_base())
    logits = answers(model)
    return logits.shape == (len(toy_data().test), 10) and bool(logits.isfinite().all()) and finite(model)


def finite(model: nn.Module) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values())


def untouched() -> bool:
    """Whether the base is bit for bit what it was, its statistics included, and carries nothing."""
    models = (toy_base().model, toy_base().mirror)
    return all(weights_digest(model) == toy_base().record.weights and not hooks_of(model) for model in models)


@each_method
def test_the_facts_are_complete_and_known(name: str) -> None:
    entry = METHODS[name]
    assert entry.summary.endswith(".")
    assert entry["needs"] <= NEEDS_ALL
    assert entry["scope"] <= {"class", "examples"}
    assert ("class-target" in entry["needs"]) == (entry["scope"] == {"class"})
    assert entry["paper"]
    assert entry["family"] == entry.factory.__module__.split(".")[-2]


@each_method
def test_every_setting_is_explained_and_unknown_ones_are_refused(name: str) -> None:
    for field, facts in METHODS[name].factory.Settings.model_fields.items():
        assert facts.description, f"{name}.{field} has no docstring"
    with refuses_setting(name):
        settings_of(name, {"no_such_setting": 1})


def refuses_setting(name: str) -> Any:
    return pytest.raises(PlanError, match=f"setting of '{name}': no_such_setting: Extra inputs are not permitted")


@each_method
def test_the_base_is_bit_identical(name: str) -> None:
    said = answers(toy_base().model)
    carried_out(name)
    assert untouched()
    assert answers(toy_base().model).equal(said)


@each_method
def test_same_plan_same_change(name: str) -> None:
    first, second = carried_out(name), usual(name)
    assert first.record.tensors == second.record.tensors
    assert answers(first.apply(toy_base())).equal(answers(second.apply(toy_base())))


@each_method
def test_a_plan_from_json_makes_the_same_change(name: str) -> None:
    plan = toy_plan(name)
    back = Plan.from_json(plan.to_json())
    change = unlearn(toy_material(), back)
    assert change.record.tensors == usual(name).record.tensors
    assert change.record.plan == plan
    assert Plan.from_json(change.record.plan.to_json()).digest == plan.digest


@each_method
def test_strength_0_changes_nothing_bit_for_bit(name: str) -> None:
    change = usual(name)
    for model in (change.apply(toy_base(), strength=0), change.merged(toy_base(), strength=0)):
        assert weights_digest(model) == toy_base().digest
        assert answers(model).equal(answers(toy_base().model))
    assert answers(carried_out(name, strength=0.0).apply(toy_base())).equal(answers(toy_base().model))


@each_method
def test_undo_restores_the_outputs_bit_for_bit(name: str) -> None:
    said = answers(toy_base().model)
    applied = usual(name).apply(toy_base())
    assert not answers(applied).equal(said)
    del applied
    assert answers(toy_base().view()).equal(said)
    assert untouched()


@where(lambda name: METHODS[name]["forgets"])
def test_the_target_is_forgotten(name: str) -> None:
    model = usual(name).apply(toy_base())
    assert accuracy(toy_base().model, forgotten=True) > 0.9
    assert accuracy(model, forgotten=True) <= accuracy(toy_base().model, forgotten=True) / 2


@where(anchored)
def test_the_rest_is_retained(name: str) -> None:
    model = usual(name).apply(toy_base())
    assert accuracy(model, forgotten=False) >= accuracy(toy_base().model, forgotten=False) - RETAIN_MAY_LOSE


@each_method
def test_a_stop_request_leaves_a_usable_change(name: str) -> None:
    told: list[int] = []

    def stop(progress: Progress) -> bool:
        told.append(progress.step)
        return True

    change = unlearn(toy_material(), toy_plan(name), [stop])
    assert told in ([], [1])
    assert bool(told) == (METHODS[name]["family"] != "editing")
    assert whole(change)
    assert untouched()


@each_method
def test_nothing_is_left_behind_when_an_observer_breaks(name: str) -> None:
    def crash(progress: Progress) -> None:
        raise ZeroDivisionError("broken observer")

    material, broken = toy_material(), False
    try:
        unlearn(material, toy_plan(name), [crash])
    except ZeroDivisionError:
        broken = True
    assert broken == (METHODS[name]["family"] != "editing")
    assert untouched()
    assert carried_out(name, material=material).record.tensors == usual(name).record.tensors


@each_method
def test_ctrl_c_leaves_the_base_untouched(name: str) -> None:
    def press(progress: Progress) -> None:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        unlearn(toy_material(), toy_plan(name), [press])
    assert untouched()


@each_method
def test_a_plan_for_other_splits_or_of_another_length_is_refused(name: str) -> None:
    other = toy_plan(name, splits=half_class())
    with refuses(PlanError, "the plan was made for splits", "translate the request again"):
        unlearn(toy_material(), other)
    with refuses(PlanError, "2 weights for 113 forget examples"):
        carried_out(name, weights=(1.0, 0.5))
    assert untouched()


@each_method
def test_a_target_that_is_part_of_a_class_is_forgotten_or_refused_by_the_need(name: str) -> None:
    material, plan = toy_material(half_class()), toy_plan(name, splits=half_class())
    if "class-target" in METHODS[name]["needs"]:
        with refuses(PlanError, f"'{name}' needs a class-target", "class '7' is only partly in the forget set"):
            unlearn(material, plan)
    else:
        assert whole(unlearn(material, plan))
    assert untouched()


@where(lambda name: "class-target" in METHODS[name]["needs"])
def test_a_direction_is_refused_where_only_whole_classes_can_be_forgotten(name: str) -> None:
    weights = (0.0,) + (1.0,) * (len(toy_material().splits.forget) - 1)
    with refuses(PlanError, f"'{name}' needs a class-target", "direction"):
        carried_out(name, weights=weights)


@each_method
def test_a_request_that_lacks_a_need_is_refused_by_the_needs_name(name: str) -> None:
    holdout = holdout_for(toy_base().record, toy_data())
    needs, asked = METHODS[name]["needs"], Request(target=Target(random=20), method=name)
    if "class-target" in needs:
        with refuses(PlanError, f"method '{name}' needs 'class-target'"):
            translate(asked, toy_data(), holdout)
    else:
        assert translate(asked, toy_data(), holdout).plan.method == name
    if "retain" in needs and trains(name):
        with refuses(PlanError, f"method '{name}' needs 'retain'"):
            translate(asked.model_copy(update={"settings": {"retain": 0}}), toy_data(), holdout)
    with pytest.raises(RequestError):
        translate(Request(target=Target(classes=("no such digit",)), method=name), toy_data(), holdout)
    assert untouched()


@where(lambda name: trains(name) and not METHODS[name]["forgets"])
def test_learning_from_nothing_is_refused(name: str) -> None:
    with refuses(PlanError, f"'{name}' needs 'retain'"):
        carried_out(name, settings={"retain": 0})


@each_method
def test_saved_and_loaded_says_the_same(name: str, tmp_path: Path) -> None:
    change = usual(name)
    back = load_change(save_change(change, tmp_path / "change"), toy_base())
    assert back.record == change.record
    for strength in (None, 0.5, 1.5):
        wanted = answers(change.apply(toy_base(), strength=strength))
        assert answers(back.apply(toy_base(), strength=strength)).equal(wanted)


@each_method
def test_merged_says_what_applied_says(name: str) -> None:
    change = usual(name)
    torch.testing.assert_close(answers(change.merged(toy_base())), answers(change.apply(toy_base())), rtol=1e-4, atol=1e-3)


@each_method
def test_it_alters_no_more_than_the_layers_it_names(name: str) -> None:
    """Answers from activations remembered before these layers are those of the full forward pass."""
    material, change = toy_material(), usual(name)
    applied, index = change.apply(toy_base()), np.arange(len(toy_data().test))
    told = material.logits(applied, "test", index, layers=change.layers)
    torch.testing.assert_close(told, answers(applied), rtol=1e-5, atol=1e-4)
    assert hooks_of(applied) == []


@each_method
def test_it_composes_with_another_change(name: str) -> None:
    first = METHODS.names(family="editing")[0]
    both = compose(toy_base(), [usual(name), usual(first)])
    assert set(both.layers) == {*usual(name).layers, *usual(first).layers}
    assert whole(both)
    assert untouched()


@each_method
def test_the_description_tells_plan_base_and_cost(name: str) -> None:
    record = usual(name).record
    assert (record.base, record.plan) == (toy_base().digest, toy_plan(name))
    assert (record.trainable > 0) == (METHODS[name]["family"] != "editing")
    assert record.training.seconds >= record.training.prefix_seconds >= 0
    assert bool(record.training.reason) == (METHODS[name]["family"] != "editing")


@where(trains)
def test_two_runs_that_go_on_are_one(name: str) -> None:
    """Without a stop, which would end the first run early."""
    material, settings = toy_material(), {"stop_at": None, "retain": 200}
    plans = [toy_plan(name, settings={**settings, "epochs": epochs}) for epochs in (1, 2)]
    first = unlearn(material, plans[0])
    assert first.resume
    assert all(bool(tensor.isfinite().all()) for tensor in first.resume.values())
    second, whole = unlearn(material, plans[0], start=Start(first, first.resume)), unlearn(material, plans[1])
    assert second.record.tensors == whole.record.tensors != first.record.tensors
    assert continues(name)
    assert untouched()


@where(lambda name: not trains(name))
def test_what_does_not_train_has_nothing_to_go_on_with(name: str) -> None:
    assert not continues(name)
    assert usual(name).resume is None
    with refuses(PlanError, f"method '{name}' cannot go on from this change: it does not train"):
        unlearn(toy_material(), toy_plan(name), start=Start(usual(name)))
    assert untouched()


@where(trains)
def test_no_epochs_change_nothing(name: str) -> None:
    change = carried_out(name, settings={"epochs": 0})
    torch.testing.assert_close(answers(change.apply(toy_base())), answers(toy_base().model), rtol=0, atol=0)
    assert change.record.training.steps == 0


@where(trains)
def test_the_highest_learning_rate_ends_with_finite_weights(name: str) -> None:
    assert whole(carried_out(name, settings={"learning_rate": 10, "clip_norm": None, "epochs": 3}))
    assert untouched()


@each_method
def test_a_training_that_breaks_ends_with_finite_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the third step one number is NaN: the change holds an earlier state, or the refusal says that it diverged."""
    real, count = training._step, [0]

    def breaking(state: Any, *rest: Any) -> None:
        real(state, *rest)
        count[0] += 1
        if count[0] == 3:
            with torch.no_grad():
                next(iter(state.learned.parameters.values())).view(-1)[0] = torch.nan

    monkeypatch.setattr(training, "_step", breaking)
    made = change_or_refusal(toy_plan(name, settings={"stop_at": None} if trains(name) else {}))
    if isinstance(made, TrainingDiverged):
        assert made.last_good < 3
    else:
        assert whole(made)
        assert not count[0] or made.record.training.reason == "diverged"
        assert made.record.training.kept_step < 3
    assert untouched()


def change_or_refusal(plan: Plan) -> Change | TrainingDiverged:
    """What unlearning makes of a plan, or the word that it diverged."""
    try:
        return unlearn(toy_material(), plan)
    except TrainingDiverged as error:
        return error


@where(lambda name: METHODS[name]["forgets"] and METHODS[name]["scope"] >= {"examples"} and trains(name) and anchored(name))
def test_examples_of_weight_0_are_kept(name: str) -> None:
    """Two digits make up the target; the direction gives one of them the weight 0."""
    train, test = toy_data().train.labels, toy_data().test.labels
    splits = splits_where(np.isin(train, [0, 7]), np.isin(test, [0, 7]))
    weights = tuple((train[splits.forget] == 7).astype(float).tolist())
    model = unlearn(toy_material(splits), toy_plan(name, splits=splits, weights=weights)).apply(toy_base())
    zeros = torch.from_numpy(np.flatnonzero(test == 0))
    right: Tensor = (answers(model).argmax(-1) == torch.from_numpy(test))[zeros]
    assert accuracy(model, forgotten=True) <= accuracy(toy_base().model, forgotten=True) / 2
    assert right.float().mean() >= 1 - 2 * RETAIN_MAY_LOSE


def test_every_exception_names_a_check_and_a_method_and_a_reason() -> None:
    checks = {name for name, _ in inspect.getmembers(inspect.getmodule(test_same_plan_same_change), inspect.isfunction)}
    for (check, name), reason in EXCEPTIONS.items():
        assert check in checks
        assert name in METHOD_NAMES
        assert len(reason) > 20
