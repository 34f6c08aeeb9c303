"""What holds for every metric of every suite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lorasteer.evaluation.metrics as metrics
from lorasteer.errors import PlanError
from lorasteer.evaluation import METRICS, Context, Outputs, Predictions, evaluate, metrics_of, suites
from lorasteer.evaluation.metric import _import_all
from lorasteer.records import Better, Evaluation
from tests.evaluation.build import outputs, random_outputs

PARTS = ("forget", "retain", "forget_test", "retain_test", "validation")


def full_context(seed: int = 0, **more: object) -> Context:
    chosen = {"selected": torch.linspace(0, 1, 12), "selected_test": torch.arange(9) < 4}
    model = random_outputs("lora-ihl", seed, seconds=1.0, prefix_seconds=0.5, trainable=10, **chosen, **more)
    others = [random_outputs(name, seed + k) for k, name in enumerate(("base", "retrained", "retrained-2"), 1)]
    return Context(model, base=others[0], retrained=tuple(others[1:]))


def test_with_everything_at_hand_every_metric_gives_a_number() -> None:
    assert [m.name for m in evaluate(full_context()).measurements if m.value is None] == []


def test_the_quick_suite_has_its_metrics_in_reading_order() -> None:
    names = [m.name for m in evaluate(full_context()).measurements]
    assert names == [entry.name.replace("-", "_") for entry in metrics_of("quick")]
    assert names[:3] == ["forget_accuracy", "forget_test_accuracy", "retain_accuracy"]
    assert names[-3:] == ["seconds", "prefix_seconds", "trainable"]
    assert len(set(names)) == len(names)


def test_numbers_travel_with_their_facts_and_survive_json() -> None:
    evaluation = evaluate(full_context())
    assert (evaluation.subject, evaluation.model, evaluation.splits) == ("lora-ihl", "m", "s")
    assert Evaluation.from_json(evaluation.to_json()) == evaluation
    for measured in evaluation.measurements:
        assert measured.unit
        assert (measured.ideal is not None) or measured.better != "near-ideal"


def test_every_metric_states_known_facts_and_one_line() -> None:
    for entry in METRICS:
        assert entry["better"] in get_args(Better)
        assert entry["needs"] <= {"base", "retrained", "direction"}
        assert entry["group"] in {"accuracy", "privacy", "likeness", "calibration", "direction", "cost"}
        assert entry.summary.endswith(".")


def test_measuring_changes_neither_the_outputs_nor_the_random_state() -> None:
    context = full_context()
    everything = [context.outputs, context.base, *context.retrained]
    before = [(p.logits.clone(), p.labels.clone()) for o in everything if o for p in o.parts().values()]
    state = torch.get_rng_state()
    evaluate(context)
    after = [(p.logits, p.labels) for o in everything if o for p in o.parts().values()]
    assert all(torch.equal(x, y) for one, other in zip(before, after, strict=True) for x, y in zip(one, other, strict=True))
    assert torch.equal(torch.get_rng_state(), state)


def test_measuring_twice_gives_the_same_record() -> None:
    assert evaluate(full_context()) == evaluate(full_context())


def permuted(model: Outputs, seed: int) -> Outputs:
    """Every part in another order, the same one for all models."""
    order = {
        name: torch.randperm(len(part), generator=torch.Generator().manual_seed(seed)) for name, part in model.parts().items()
    }
    moved = {name: Predictions(part.logits[order[name]], part.labels[order[name]]) for name, part in model.parts().items()}
    weights = {
        name: None if (weights := getattr(model, name)) is None else weights[order[half]]
        for name, half in (("selected", "forget"), ("selected_test", "forget_test"))
    }
    return replace(model, **moved, **weights)


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_the_order_of_the_examples_does_not_matter(seed: int) -> None:
    context = full_context(seed % 7)
    assert context.base
    moved = Context(
        permuted(context.outputs, seed), permuted(context.base, seed), tuple(permuted(other, seed) for other in context.retrained)
    )
    for one, other in zip(evaluate(context).measurements, evaluate(moved).measurements, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-9), one.name


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 6), min_size=5, max_size=5), st.integers(1, 4), st.sampled_from([0.0, 1.0, 1e4]), st.integers(0, 99)
)
def test_values_stay_in_their_stated_range_or_are_missing_with_a_reason(
    sizes: list[int], classes: int, scale: float, seed: int
) -> None:
    models = [random_outputs(f"m{k}", seed + k, sizes=sizes, classes=classes, scale=scale) for k in range(3)]
    model = replace(models[0], selected=torch.linspace(0, 1, sizes[0]), selected_test=torch.arange(sizes[2]) % 2 == 0)
    for measured in evaluate(Context(model, models[1], (models[2],))).measurements:
        if measured.value is None:
            assert measured.note
        else:
            assert measured.low is None or measured.value >= measured.low - 1e-12
            assert measured.high is None or measured.value <= measured.high + 1e-12


def test_empty_outputs_give_reasons_instead_of_numbers() -> None:
    nothing = outputs()
    evaluation = evaluate(Context(nothing, nothing, (nothing,)))
    assert {m.value for m in evaluation.measurements} == {None}
    assert all(m.note for m in evaluation.measurements)


def test_an_unknown_suite_is_refused_by_name() -> None:
    assert "quick" in suites()
    with pytest.raises(PlanError, match=r"unknown suite 'quik'\. Did you mean 'quick'"):
        evaluate(full_context(), suite="quik")


def test_a_new_metric_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = '''
from lorasteer.evaluation.metric import METRICS, Reading
@METRICS.add("forget-size", unit="examples", better="none", group="accuracy", order=1)
def forget_size(context):
    """How many examples are to be forgotten."""
    return Reading(float(len(context.outputs.forget)), len(context.outputs.forget))
'''
    (tmp_path / "forget_size.py").write_text(source)
    evaluate(full_context())  # the table is filled before the new file appears
    monkeypatch.setattr(METRICS, "_entries", dict(METRICS._entries))
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    _import_all()
    first = evaluate(full_context()).measurements[0]
    assert (first.name, first.value, first.unit) == ("forget_size", 12.0, "examples")
