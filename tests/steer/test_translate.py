"""Requests to plans: complete, repeatable, with reasons; methods are stand-ins but for the last test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from lorasteer.errors import RequestError, UserError
from lorasteer.records import Direction, Plan, Request, Settings, Target
from lorasteer.registry import Registry
from lorasteer.steer import Translation, translate
from lorasteer.tasks.data import Data
from lorasteer.tasks.splits import Holdout
from lorasteer.tasks.vision.data import ImageData
from tests.steer.text_toy import text_data
from tests.steer.toy import CLASSES, examples


class LoraSettings(Settings):
    rank: Annotated[int, Field(gt=0)] = 8
    alpha: Annotated[float, Field(gt=0)] = 16
    layers: tuple[str, ...] = ()
    epochs: Annotated[int, Field(ge=0)] = 10
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    retain: Annotated[int, Field(ge=0)] = 1000
    anchor: Literal["kl", "none"] = "kl"
    stop_at: Annotated[float, Field(ge=0, le=1)] | None = 0.0
    margin: Annotated[float, Field(gt=0, le=1)] = 0.5


class EditSettings(Settings):
    offset: Annotated[float, Field(lt=0)] = -1e4


class RetainSettings(Settings):
    epochs: int = 30
    retain: int = 5000
    stop_at: float | None = 0.0


def method(settings: type[Settings]) -> type:
    return type("Method", (), {"Settings": settings, "__doc__": "A stand-in."})


@pytest.fixture
def methods() -> Registry[Any]:
    """One method of each kind the translation tells apart."""
    registry: Registry[Any] = Registry("method", required_facts=("tasks", "needs"))
    for name, settings, needs in (
        ("lora-ihl", LoraSettings, {"labels"}),
        ("mask", EditSettings, {"class-target"}),
        ("tune", RetainSettings, {"labels", "retain"}),
        ("ask", EditSettings, {"teacher"}),
    ):
        registry.add(name, tasks={"vision"}, needs=needs)(method(settings))
    registry.add("talk", tasks={"language"}, needs=set())(method(EditSettings))
    return registry


Translator = Callable[..., Translation]


@pytest.fixture
def run(data: ImageData, holdout: Holdout, methods: Registry[Any]) -> Translator:
    """Translate a request on the toy data, given by its fields."""
    return lambda features=None, **fields: translate(Request(**fields), data, holdout, features=features, methods=methods)


CAT = Target(classes=("cat",))
ONES = Target(ids=("train-5", "train-7"))


def test_a_class_request_becomes_a_complete_plan(run: Translator) -> None:
    found = run(target=CAT, intensity=0.5, seed=3)
    assert found.plan == Plan(
        method="lora-ihl",
        settings={
            "rank": 8, "alpha": 16.0, "layers": (), "epochs": 8, "learning_rate": 1e-3,
            "retain": 500, "anchor": "kl", "stop_at": 0.1, "margin": 0.3,
        },
        splits=found.splits.digest,
        aim="remove",
        seed=3,
        because=found.plan.because,
    )  # fmt: skip
    assert (found.wording, found.test_weights) == ("class cat", None)
    assert found.plan.because == (
        "Target class cat: 11 training and 6 test examples; 22 training examples are retained.",
        "Held out, so never seen by the base and nothing to forget: 1 of the chosen examples.",
        "Aim remove: the target is a criterion that unseen examples meet too, so it shall not be recognised.",
        "Intensity 0.5: stop_at 0.1, margin 0.3, epochs 8, learning_rate 0.001, rank 8, retain 500.",
    )


@pytest.mark.parametrize(
    ("target", "aim"),
    [
        (CAT, "remove"),
        (Target(where="slant > 0"), "remove"),
        (ONES, "match-unseen"),
        (Target(random=5), "match-unseen"),
    ],
)
def test_the_aim_follows_the_kind_of_target_unless_it_is_asked_for(run: Translator, target: Target, aim: str) -> None:
    assert run(target=target).plan.aim == aim
    asked = run(target=target, aim="remove").plan
    assert asked.aim == "remove"
    assert "Aim remove: as asked." in asked.because


def test_match_unseen_says_where_it_stops(run: Translator) -> None:
    reason = run(target=ONES).plan.because[-1]
    assert "stop_at" not in reason
    assert reason.endswith("Training stops where the target does as well as unseen examples.")


def test_intensity_0_changes_nothing(run: Translator) -> None:
    plan = run(target=CAT, intensity=0).plan
    assert (plan.strength, plan.settings["epochs"]) == (0, 0)
    assert "Intensity 0: strength 0, nothing changes." in plan.because
    assert run(target=CAT, intensity=0.01).plan.strength == 1


def test_settings_by_hand_win_and_the_scale_follows_the_rank(run: Translator) -> None:
    plan = run(target=CAT, settings={"rank": 4, "layers": ("fc",), "stop_at": None}).plan
    assert (plan.settings["rank"], plan.settings["alpha"], plan.settings["layers"]) == (4, 8.0, ("fc",))
    assert plan.settings["stop_at"] is None
    assert "Set by hand: rank 4, layers ('fc',), stop_at None." in plan.because
    assert "rank" not in plan.because[3]
    assert run(target=CAT, settings={"rank": 4, "alpha": 3}).plan.settings["alpha"] == 3


def test_a_method_without_such_settings_is_applied_in_full(run: Translator) -> None:
    plan = run(target=CAT, method="mask", intensity=0.2).plan
    assert (plan.settings, plan.strength) == ({"offset": -1e4}, 1)
    assert "Intensity 0.2: no setting of mask is left to it; the change is applied in full." in plan.because


def test_a_method_that_trains_all_weights_on_retain_examples_keeps_its_own_numbers(run: Translator) -> None:
    plan = run(target=CAT, method="tune", intensity=0.25).plan
    assert plan.settings == {"epochs": 30, "retain": 5000, "stop_at": 0.5}


def test_a_direction_becomes_weights_of_the_plan(run: Translator) -> None:
    """5 of the 11 training cats and 3 of the 6 test cats are tabby cats."""
    found = run(target=CAT, direction=Direction(attribute="subname", values=("tabby_cat",)))
    assert found.plan.weights == (0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0)
    assert found.test_weights is not None
    assert found.test_weights.tolist() == [1, 0, 1, 0, 1, 0]
    assert found.wording == "class cat, along subname in {tabby_cat}"
    assert found.plan.because[-1] == "Direction subname in {tabby_cat}: worth 5.0 of 11 examples."


def test_features_reach_a_direction_from_example_ids(run: Translator) -> None:
    direction = Direction(positive=("train-30",), negative=("train-3",))
    found = run(target=CAT, direction=direction, features=lambda part, index: np.asarray(index, float)[:, None])
    assert found.plan.weights is not None
    assert list(found.plan.weights) == sorted(found.plan.weights)
    with pytest.raises(RequestError, match="needs the base model's features"):
        run(target=CAT, direction=direction)


def test_a_test_half_that_cannot_be_weighed_is_said(data: ImageData, holdout: Holdout, methods: Registry[Any]) -> None:
    bare = replace(data, test=replace(data.test, attributes={}))
    found = translate(Request(target=CAT, direction=Direction(attribute="slant")), bare, holdout, methods=methods)
    assert found.test_weights is None
    assert found.plan.because[-1].endswith("the test half cannot be weighed, it lacks the attribute.")


@pytest.mark.parametrize("where", ["class == cat", "class in {cat, dog}", "not class == dog"])
def test_a_predicate_that_takes_whole_classes_is_a_class_target(run: Translator, where: str) -> None:
    assert run(target=Target(where=where), method="mask").plan.aim == "remove"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": CAT, "method": "lora-ilh"}, "unknown method 'lora-ilh'. Did you mean 'lora-ihl'?"),
        (
            {"target": CAT, "method": "talk"},
            "method 'talk' is made for language, not for vision. Methods that fit: ask, lora-ihl, mask, tune.",
        ),
        (
            {"target": ONES, "method": "mask"},
            "method 'mask' needs 'class-target': whole classes as target, without a direction. "
            "Methods that fit: ask, lora-ihl, tune.",
        ),
        ({"target": Target(where="class == cat and slant > 0"), "method": "mask"}, "needs 'class-target'"),
        ({"target": CAT, "direction": Direction(attribute="slant"), "method": "mask"}, "needs 'class-target'"),
        (
            {"target": CAT, "method": "tune", "settings": {"retain": 0}},
            "method 'tune' needs 'retain': retain examples, and the setting retain is 0. Methods that fit: ask, lora-ihl, mask.",
        ),
        (
            {"target": CAT, "method": "ask"},
            "method 'ask' needs 'teacher': something a request cannot give. Methods that fit: lora-ihl",
        ),
        (
            {"target": CAT, "settings": {"margn": 1.0}},
            "method 'lora-ihl' has no setting 'margn'. Did you mean 'margin'? Allowed: rank,",
        ),
        (
            {"target": CAT, "settings": {"margin": 2.0}},
            "method 'lora-ihl': margin: Input should be less than or equal to 1, got 2.0.",
        ),
        ({"target": CAT, "settings": {"rank": None}}, "method 'lora-ihl': rank: Input should be a valid integer, got None."),
        ({"target": CAT, "settings": {"rank": "big"}}, "method 'lora-ihl': rank: Input should be a valid integer"),
        ({"target": Target(classes=("cta",))}, "unknown class 'cta'"),
        ({"target": Target(where="slant > 5")}, "selects none of the 33 training examples"),
        ({"target": Target(where="slant < 5")}, "selects all 33 training examples"),
    ],
)
def test_a_request_that_cannot_be_met_gets_one_clear_line(run: Translator, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        run(**fields)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


REQUESTS = st.builds(
    Request,
    target=st.sampled_from([CAT, ONES, Target(where="slant > -0.5"), Target(random=7)]),
    intensity=st.floats(0, 1),
    direction=st.none() | st.builds(Direction, attribute=st.just("slant"), sharpness=st.floats(0.1, 100)),
    settings=st.fixed_dictionaries({}, optional={"rank": st.integers(1, 9), "layers": st.just(("fc", "conv"))}),
    seed=st.integers(0, 2**31),
)


@given(REQUESTS)
def test_the_same_request_gives_the_same_plan_and_json_keeps_it(request_: Request) -> None:
    registry: Registry[Any] = Registry("method", required_facts=("tasks", "needs"))
    registry.add("lora-ihl", tasks={"vision"}, needs={"labels"})(method(LoraSettings))
    first, again = (
        translate(
            Request.from_json(request_.to_json()),
            ImageData("toy", CLASSES, examples("train", 36), examples("test", 18)),
            Holdout("train", np.array([0, 1, 2])),
            methods=registry,
        ).plan
        for _ in range(2)
    )
    assert first.digest == again.digest
    back = Plan.from_json(first.to_json())
    assert back == first
    assert back.digest == first.digest
    assert LoraSettings.model_validate(back.settings) == LoraSettings.model_validate(first.settings)


def check_plans(task: str, target: Target, data: Data, holdout: Holdout) -> None:
    """Every method of a task takes every intensity, and its plan says all of its settings."""
    from lorasteer.methods import METHODS, settings_of

    for name in METHODS.names(tasks=task):
        for intensity in (0.0, 0.3, 1.0):
            plan = translate(Request(target=target, method=name, intensity=intensity), data, holdout, task=task).plan
            assert settings_of(plan.method, dict(plan.settings), task=task).model_dump() == plan.settings
            assert Plan.from_json(plan.to_json()) == plan


def test_every_built_in_method_can_be_planned(data: ImageData, holdout: Holdout) -> None:
    check_plans("vision", CAT, data, holdout)


def test_every_method_for_text_can_be_planned() -> None:
    check_plans("language", Target(keyword="Rome"), text_data(), Holdout("test", np.empty(0, np.int64)))


def test_a_calibrated_request_on_text_says_that_nothing_is_calibrated() -> None:
    request = Request(target=Target(keyword="Rome"), method="npo", calibrated=True)
    plan = translate(request, text_data(), Holdout("test", np.empty(0, np.int64)), task="language").plan
    assert plan.dial_to is None
    assert plan.because[-1].startswith("Not calibrated: for language an intensity is a band to stop in")
    assert plan.aim == "remove"
