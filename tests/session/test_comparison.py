"""Several methods and seeds beside the same retrained models."""

from __future__ import annotations

import json

import pytest

from lorasteer.errors import PlanError, RequestError
from lorasteer.records import Evaluation, Measurement, Target
from lorasteer.session import Row, Summary, compare, document, markdown_summary, summarise
from tests.support.digits import SEVEN, bench
from tests.support.errors import refuses


def row(method: str, seed: int, forget: float, auc: float | None) -> Row:
    values = [("forget_accuracy", forget, "share"), ("mia_auc", auc, "auc")]
    measured = tuple(Measurement(name=name, value=value, unit=unit, n=4, better="lower") for name, value, unit in values)
    return Row(method, seed, Evaluation(subject=method, splits="s", model="m", measurements=measured))


ROWS = [row("a", 0, 0.2, None), row("a", 1, 0.4, 0.6), row("b", 0, 1.0, None)]


def test_summary_by_hand() -> None:
    """(0.2 + 0.4) / 2 = 0.3, between 0.2 and 0.4; the area of `a` has a value for one seed, that of `b` for none."""
    found = summarise(ROWS)
    assert found["a"]["forget_accuracy"] == pytest.approx(Summary(0.3, 0.2, 0.4, 2))
    assert found["a"]["mia_auc"] == Summary(0.6, 0.6, 0.6, 1)
    assert list(found["b"]) == ["forget_accuracy"]


def test_markdown_by_hand() -> None:
    assert markdown_summary(ROWS, ["forget_accuracy", "mia_auc"]).splitlines() == [
        "| method | forget accuracy ↓ | mia auc ↓ |",
        "| --- | ---: | ---: |",
        "| a | 30.00% ± 10.00% | 0.600 |",
        "| b | 100.00% | – |",
    ]


def test_all_methods_are_measured_beside_the_same_retrained_models() -> None:
    stages = []

    def stage(label: str) -> object:
        stages.append(label)
        from lorasteer.session.comparison import unwatched

        return unwatched(label)

    found = compare(
        bench(), SEVEN, methods=["logit-mask", "lora-ihl"], seeds=(0, 1), intensity=0.75, retrained=2,
        settings={"lora-ihl": {"epochs": 1}}, stage=stage,
    )  # type: ignore[arg-type]  # fmt: skip
    assert [(row.method, row.seed) for row in found.rows] == [
        ("base", 0), ("retrained", 1000), ("retrained", 1001),
        ("logit-mask", 0), ("logit-mask", 1), ("lora-ihl", 0), ("lora-ihl", 1),
    ]  # fmt: skip
    assert len(found.splits) == len({row.evaluation.splits for row in found.rows}) == 1
    assert found.rows[1].evaluation.value("kl_to_retrained_forget") == pytest.approx(0, abs=1e-6)
    assert found.rows[-1].plan is not None
    assert found.rows[-1].plan.settings["epochs"] == 1
    assert found.floor["kl_to_retrained_forget"].n == 1
    assert stages[:2] == ["retrained model, seed 1000", "retrained model, seed 1001"]
    whole = document(bench(), found, title="t")
    assert json.loads(json.dumps(whole, allow_nan=False))["seeds"] == [0, 1]
    assert whole["summary"]["lora-ihl"]["forget_accuracy"]["n"] == 2
    assert whole["data"]["digest"] == bench().data.digest
    assert len(whole["table"]["rows"]) == 4
    assert {"machine", "versions", "date", "splits"} <= set(whole)


def test_methods_that_do_not_fit_are_left_out_with_the_reason() -> None:
    found = compare(bench(), Target(random=20), seeds=(0,), retrained=0, settings={})
    assert set(found.skipped) >= {"logit-mask", "zeroing"}
    assert "class-target" in found.skipped["logit-mask"]
    measured = {row.method for row in found.rows}
    assert "lora-ihl" in measured
    assert "retrain" not in measured


def test_a_random_target_has_splits_of_its_own_for_each_seed() -> None:
    found = compare(bench(), Target(random=20), methods=["lora-ihl"], seeds=(0, 1), intensity=0.1, retrained=0)
    assert len({row.evaluation.splits for row in found.rows if row.method == "lora-ihl"}) == 2
    assert [row.method for row in found.rows].count("base") == 2


def test_a_named_method_must_fit() -> None:
    with refuses(PlanError, "unknown method 'nope'"):
        compare(bench(), SEVEN, methods=["nope"])
    with refuses(PlanError, "'logit-mask' needs 'class-target'"):
        compare(bench(), Target(random=20), methods=["logit-mask"])
    with refuses(RequestError, "unknown class 'x'"):
        compare(bench(), Target(classes=("x",)))
