"""Likeness of features."""

from __future__ import annotations

import pytest
import torch

from lorasteer.evaluation.audit import Subject, run_attack
from tests.support.audited import base, changed, false_alarms, ground, linear, masked, never_saw, readings, value, vector_ground
from tests.support.proofs import proves


@proves("hand", "feature-likeness")
def test_cka_worked_by_hand() -> None:
    """One hidden unit says (-1, 0, 1, 0) of four examples in the base, (1, -2, 1, 0) in the subject: nothing in common.

    Of the target alone, the last two: (1, 0) and (1, 0), all in common.
    """
    rows = torch.tensor([[-1.0, 1.0], [0.0, -2.0], [1.0, 1.0], [0.0, 0.0]])
    networks = [torch.nn.Sequential(linear([unit]), linear([[1.0], [0.5]])) for unit in ([1.0, 0.0], [0.0, 1.0])]
    place = vector_ground(networks[0], rows, torch.tensor([0, 0, 1, 1]), target=1)
    found = run_attack("feature-likeness", place, Subject.of_network("other", networks[1]))
    assert value(found, "cka_base_last") == pytest.approx(0.0, abs=1e-9)
    assert value(found, "cka_base_target_last") == pytest.approx(1.0)


def test_features_that_do_not_vary_have_no_likeness() -> None:
    rows = torch.tensor([[-1.0, 1.0], [0.0, -2.0], [1.0, 1.0], [1.0, 0.0]])
    networks = [torch.nn.Sequential(linear([unit]), linear([[1.0], [0.5]])) for unit in ([1.0, 0.0], [0.0, 1.0])]
    place = vector_ground(networks[0], rows, torch.tensor([0, 0, 1, 1]), target=1)
    found = run_attack("feature-likeness", place, Subject.of_network("other", networks[1]))
    assert found.value("cka_base_target_last") is None
    assert found["cka_base_target_last"].note == "the features do not vary"
    blind = Subject.of_network("blind", torch.nn.Sequential(linear([[0.0, 0.0]]), linear([[1.0], [0.5]])))
    nothing = run_attack("feature-likeness", place, blind).measurements
    assert {(one.value, one.note) for one in nothing} == {(None, "the features do not vary")}


@proves("power", "feature-likeness")
def test_a_masked_logit_leaves_the_features_the_bases_own() -> None:
    """Power: like the base and unlike the retrained model, to the last digit."""
    place = ground()
    mask, knows = (run_attack("feature-likeness", place, subject) for subject in (masked(), place.original))
    assert mask.measurements == knows.measurements
    assert value(mask, "cka_base_last") == pytest.approx(1.0)
    assert value(mask, "cka_retrained_last") < 0.95


def test_units_in_another_order_are_the_same_features() -> None:
    model = base().model
    turned = {f"fc2.{kind}": 3 * model.get_parameter(f"fc2.{kind}").flip(0) for kind in ("weight", "bias")}
    assert readings("feature-likeness", "cka_base_last", [changed("turned", turned)]) == [pytest.approx(1.0)]


@proves("null", "feature-likeness", draws=50)
def test_it_does_not_cry_wolf() -> None:
    """Null: of fifty models that never saw a seven none is as like the base as the base."""
    assert false_alarms("feature-likeness", "cka_base_last", "cka_base_target_last") == {
        "cka_base_last": 0.0,
        "cka_base_target_last": 0.0,
    }


def test_without_a_retrained_model_the_base_alone_is_the_mark() -> None:
    names = {found.name for found in run_attack("feature-likeness", ground(retrained=0), never_saw(0)).measurements}
    assert names == {"cka_base_last", "cka_base_mean", "cka_base_target_last"}
