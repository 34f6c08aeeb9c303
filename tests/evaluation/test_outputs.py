"""Outputs refuse what does not fit together."""

from __future__ import annotations

import pytest
import torch

from lorasteer.errors import DataError
from lorasteer.evaluation import Context, Predictions
from tests.evaluation.build import NOBODY, outputs, said, sure


def test_the_test_set_is_both_halves_in_order() -> None:
    model = outputs(forget_test=sure(0.9, label=1), retain_test=sure(0.8, 0.7))
    assert model.test.labels.tolist() == [1, 0, 0]
    assert outputs(retain_test=sure(0.8)).test.labels.tolist() == [0]


def test_an_infinite_logit_is_noticed() -> None:
    assert outputs(forget=sure(0.5)).finite
    assert not outputs(validation=said([[0.0, torch.nan]], [0])).finite


def test_one_label_for_each_row() -> None:
    with pytest.raises(DataError, match=r"shape \(2, 3\) do not go with labels of shape \(1,\)"):
        Predictions(torch.zeros(2, 3), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_outside_the_classes_are_refused(label: int) -> None:
    with pytest.raises(DataError, match="0 … 2"):
        said([[0.0, 1.0, 2.0]], [label])


def test_one_weight_for_each_forget_example() -> None:
    with pytest.raises(DataError, match="weighs 3 examples, forget holds 2"):
        outputs(forget=sure(0.9, 0.8), selected=torch.ones(3))
    with pytest.raises(DataError, match="weighs 1 examples, forget_test holds 0"):
        outputs(selected_test=torch.ones(1))


def test_models_asked_about_other_examples_do_not_compare() -> None:
    model = outputs(forget=sure(0.9, 0.8))
    for other in (outputs("retrained", forget=sure(0.9, 0.8), splits="t"), outputs("retrained", forget=sure(0.9))):
        with pytest.raises(DataError, match="'lora-ihl' and 'retrained' were not asked about the same examples"):
            Context(model, retrained=(other,))
        with pytest.raises(DataError, match="same examples"):
            Context(model, base=other)


def test_the_context_knows_which_needs_it_meets() -> None:
    weighted = outputs(forget=sure(0.9), selected=torch.ones(1))
    gold = outputs("retrained", forget=sure(0.1))
    assert Context(outputs()).has == frozenset()
    assert Context(weighted, base=gold, retrained=(gold,)).has == {"base", "retrained", "direction"}
    assert Context(outputs(forget_test=NOBODY, selected_test=torch.empty(0))).has == frozenset()


def test_one_number_of_classes_within_a_model_and_between_models() -> None:
    three = said([[0.0, 1.0, 2.0]], [0])
    with pytest.raises(DataError, match=r"got \{'forget': 3, 'retain': 2\}"):
        outputs(forget=three, retain=sure(0.9))
    with pytest.raises(DataError, match="same number of classes"):
        Context(outputs(forget=three), base=outputs("base", forget=sure(0.9)))
    assert outputs(forget_test=three).test.classes == 3  # the empty half has no say
