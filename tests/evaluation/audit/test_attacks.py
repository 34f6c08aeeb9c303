"""What every attack on a model's numbers keeps, whatever it tries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lorasteer.errors import PlanError
from lorasteer.evaluation.audit import ATTACKS, Ground, Subject, attacks_of, missing, run_attack
from lorasteer.records import Settings
from lorasteer.records.audit import AttackResult
from lorasteer.tasks.activations import Inputs
from lorasteer.tasks.base import Base
from lorasteer.tasks.splits import Splits
from tests.support.audited import SEVEN, base, ground, masked, never_saw, same_numbers, single_examples, whole_class
from tests.support.proofs import proves

NAMES = sorted(ATTACKS.names())
SHADOWS = {"kind": "head", "shadows": 4, "beside": 200}
QUICK: dict[str, Settings] = {
    name: ATTACKS[name]["settings"](**SHADOWS, **({"unlearned": 4} if name == "u-lira" else {}))
    for name in ATTACKS.names(kind="membership")
}
"""Settings of attacks that would take long by their own."""


def hidden(by: float = 1e4) -> Subject:
    """The base with the seven's bias lowered, which can be done to another base as well."""

    def again(other: Base, inputs: Inputs, splits: Splits, seed: int) -> nn.Module:
        network = other.copy()
        with torch.no_grad():
            network.get_parameter("fc3.bias")[SEVEN] -= by
        return network.eval().requires_grad_(False)

    return replace(masked(by), again=again)


def said(result: AttackResult) -> AttackResult:
    return result.model_copy(update={"seconds": 0.0})


@pytest.mark.parametrize("name", NAMES)
@proves("invariance", *NAMES)
def test_an_attack_leaves_every_model_as_it_was(name: str) -> None:
    place, subject = ground(), hidden()
    everybody = [*place.retrained, place.original, subject]
    digests = [same_numbers(model.network, model.digest) for model in everybody[:-1]]
    before = Subject.of_network("masked", subject.network).digest
    random, drawn = torch.get_rng_state(), np.random.get_state()[1].tolist()
    result = run_attack(name, place, subject, QUICK.get(name))
    assert all(digests)
    assert all(same_numbers(model.network, model.digest) for model in everybody[:-1])
    assert same_numbers(subject.network, before)
    assert base().digest == place.original.digest
    assert torch.equal(torch.get_rng_state(), random)
    assert np.random.get_state()[1].tolist() == drawn
    assert result.measurements[0].value is not None
    assert result.subject == "masked"
    assert result.kind == ATTACKS[name]["kind"]


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_gives_the_same_again_and_its_seed_decides(name: str) -> None:
    first, again = (run_attack(name, ground(), hidden(), QUICK.get(name)) for _ in range(2))
    assert said(first) == said(again)
    assert AttackResult.from_json(first.to_json()) == first
    assert run_attack(name, ground(seed=1), hidden(), QUICK.get(name)).seed == 1


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_on_single_examples_gives_numbers_or_a_reason(name: str) -> None:
    """No test example belongs to the target, and its class is retained."""
    result = run_attack(name, ground(splits=single_examples()), hidden(5.0), QUICK.get(name))
    assert all(found.value is not None or found.note for found in result.measurements)
    shares = [found for found in result.measurements if found.unit == "share" and found.value is not None]
    assert all(0 <= found.value <= 1 for found in shares if found.value is not None)


FEW = {
    "one example by name": replace(single_examples(), forget=single_examples().forget[:1]),
    "two examples by name": replace(single_examples(), forget=single_examples().forget[:2]),
    "one to train with": replace(whole_class(), forget=whole_class().forget[:1]),
    "one to test with": replace(whole_class(), forget_test=whole_class().forget_test[:1]),
}


@pytest.mark.parametrize("what", FEW)
@pytest.mark.parametrize("name", NAMES)
def test_few_examples_give_a_number_of_some_or_a_reason(name: str, what: str) -> None:
    """No number rests on nothing, and nothing crashes where an attack needs more examples than there are."""
    found = run_attack(name, ground(splits=FEW[what]), hidden(5.0), QUICK.get(name)).measurements
    assert found
    assert [one.name for one in found if not (one.note if one.value is None else one.n)] == []


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(ATTACKS.names(kind="membership")) - {"worst-case"}))
def test_without_other_test_examples_there_is_nothing_to_judge_by(name: str) -> None:
    splits = replace(whole_class(), retain_test=whole_class().retain_test[:0])
    with pytest.raises(PlanError, match=r"^the test set holds no example but those of the target"):
        run_attack(name, ground(splits=splits), masked())


@pytest.mark.parametrize("name", NAMES)
def test_cost_is_estimated_before_anything_runs(name: str) -> None:
    assert 0 < ATTACKS[name]["cost"](ground()) < 600


def test_what_is_missing_is_named() -> None:
    place = ground(retrained=0)
    assert missing(ATTACKS["unlearning-depth"], place, masked()) == "a retrained model"
    assert missing(ATTACKS["switch-off"], place, never_saw(0)) == "a change of the base"
    assert missing(ATTACKS["switch-off"], place, masked()) == ""
    with pytest.raises(PlanError, match=r"^attack 'unlearning-depth' on 'masked' needs a retrained model, and there is none"):
        run_attack("unlearning-depth", place, masked())
    with pytest.raises(PlanError, match="unknown attack 'relearn-forgot'"):
        run_attack("relearn-forgot", place, masked())


def test_suites_are_ordered_and_quick_is_part_of_full() -> None:
    quick, full = ([entry.name for entry in attacks_of(suite)] for suite in ("quick", "full"))
    assert set(quick) < set(full)
    assert full.index("logit-lift") < full.index("relearn-forget") < full.index("switch-off")
    with pytest.raises(PlanError, match="unknown suite 'fast'"):
        attacks_of("fast")


def test_a_subject_is_named_by_its_weights_or_by_base_change_and_strength() -> None:
    whole, half = masked(), masked()
    assert whole.digest == half.digest
    assert whole.change is not None
    weaker = Subject.of_change("masked", base(), whole.change, strength=0.5)
    assert weaker.digest != whole.digest
    assert weaker.change is not None
    assert weaker.change.record.strength == 0.5
    assert Subject.of_base("base", base()).digest == base().digest


def test_every_subject_is_attacked_with_the_same_examples() -> None:
    place = ground()
    drawn = place.drawn(place.splits.retain, 5, "purpose")
    assert drawn.tolist() == ground().drawn(place.splits.retain, 5, "purpose").tolist() == sorted(drawn.tolist())
    assert drawn.tolist() != place.drawn(place.splits.retain, 5, "another").tolist()
    assert drawn.tolist() != ground(seed=1).drawn(place.splits.retain, 5, "purpose").tolist()


def test_answers_are_asked_once() -> None:
    place = ground()
    first = place.logits(place.original, *place.unseen)
    assert place.logits(place.original, *place.unseen) is first
    assert isinstance(place, Ground)
    assert place.without_retrained().retrained == ()
