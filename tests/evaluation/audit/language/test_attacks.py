"""What every attack on a language model keeps, whatever it tries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lorasteer.evaluation.audit import ATTACKS, TEXT_ATTACKS, Subject, attacks_of, run_attack
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.records.audit import AttackResult
from tests.support.audited import same_numbers
from tests.support.audited_text import base, ground, splits, suppressed, suppression
from tests.support.proofs import proves

NAMES = TEXT_ATTACKS.names()


def place(*, single: bool = False, seed: int = 0) -> TextGround:
    """A ground on which the suppressing change is audited."""
    return replace(ground(splits_of=splits(single=single), seed=seed), touched=suppression().layers)


def said(result: AttackResult) -> AttackResult:
    return result.model_copy(update={"seconds": 0.0})


@proves("invariance", *NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_an_attack_leaves_every_model_as_it_was(name: str) -> None:
    on, subject = place(), suppressed()
    everybody = [*on.retrained, *on.controls, on.original]
    before = Subject.of_network("suppressed", subject.network).digest
    random, drawn = torch.get_rng_state(), np.random.get_state()[1].tolist()
    result = run_attack(name, on, subject)
    assert all(same_numbers(model.network, model.digest) for model in everybody)
    assert same_numbers(subject.network, before)
    assert base().digest == on.original.digest
    assert torch.equal(torch.get_rng_state(), random)
    assert np.random.get_state()[1].tolist() == drawn
    assert result.measurements
    assert result.kind == TEXT_ATTACKS[name]["kind"]


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_gives_the_same_again_and_its_seed_decides(name: str) -> None:
    first, again = (run_attack(name, place(), suppressed()) for _ in range(2))
    assert said(first) == said(again)
    assert AttackResult.from_json(first.to_json()) == first
    assert run_attack(name, place(seed=1), suppressed()).seed == 1


@pytest.mark.parametrize("name", [name for name in NAMES if "test-target" not in TEXT_ATTACKS[name]["needs"]])
def test_an_attack_on_single_examples_gives_numbers_or_a_reason(name: str) -> None:
    """No test example belongs to the target."""
    result = run_attack(name, place(single=True), suppressed())
    assert all(found.value is not None or found.note for found in result.measurements)
    shares = [found for found in result.measurements if found.unit == "share" and found.value is not None]
    assert all((found.low or 0.0) <= (found.value or 0.0) <= 1 for found in shares)


@pytest.mark.parametrize("name", NAMES)
def test_cost_is_estimated_before_anything_runs(name: str) -> None:
    nothing = name == "extract-supplied"  # the data brings no questions of its own
    assert (TEXT_ATTACKS[name]["cost"](place()) == 0) == nothing
    assert TEXT_ATTACKS[name]["cost"](place()) < 600


@pytest.mark.parametrize("name", [name for name in NAMES if name in ATTACKS])
def test_what_tries_the_same_on_images_is_of_the_same_kind_and_place(name: str) -> None:
    facts = [(table[name]["kind"], table[name]["order"], table[name]["needs"]) for table in (ATTACKS, TEXT_ATTACKS)]
    assert facts[0] == facts[1]


def test_suites_are_ordered_and_quick_is_part_of_full() -> None:
    quick, full = ([entry.name for entry in attacks_of(suite, "language")] for suite in ("quick", "full"))
    assert set(quick) < set(full)
    assert full.index("recognition") < full.index("relearn-forget") < full.index("quantise") < full.index("switch-off")
