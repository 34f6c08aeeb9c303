"""An attack is one file plus four proofs: a number by hand, a model left alone, a leak found, and no alarm without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorasteer.evaluation.audit import ATTACKS, TEXT_ATTACKS
from lorasteer.registry import Registry
from tests.support.proofs import DRAWS, lacking, proofs_in, proves

TESTS = Path(__file__).resolve().parent.parent
TABLES = [(ATTACKS, "evaluation/audit"), (TEXT_ATTACKS, "evaluation/audit/language")]
"""Tables of attacks, and where the tests of each lie. A table for another task is one more row."""


def built_in(table: Registry[object]) -> list[str]:
    return [entry.name for entry in table if getattr(entry.factory, "__module__", "").startswith("lorasteer.")]


@pytest.mark.parametrize(("table", "folder"), TABLES)
def test_every_attack_has_its_four_proofs(table: Registry[object], folder: str) -> None:
    assert built_in(table)
    assert lacking(built_in(table), proofs_in(TESTS / folder)) == []


@pytest.mark.parametrize(("table", "folder"), TABLES)
def test_no_proof_is_of_an_attack_that_does_not_exist(table: Registry[object], folder: str) -> None:
    assert set(proofs_in(TESTS / folder)) <= set(table.names())


def test_an_attack_without_tests_is_named_with_all_it_lacks() -> None:
    assert lacking(["brand-new"], proofs_in(TESTS / "evaluation" / "audit")) == [
        "no test of 'brand-new' proves a number worked by hand (hand)",
        "no test of 'brand-new' proves that the model stays as it was (invariance)",
        "no test of 'brand-new' proves that it finds a planted leak (power)",
        "no test of 'brand-new' proves that it does not cry wolf (null)",
    ]


def test_a_rate_over_few_draws_is_no_proof() -> None:
    with pytest.raises(ValueError, match=f"over {DRAWS} draws at least, not 49"):
        proves("null", "lira", draws=49)
