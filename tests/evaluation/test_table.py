"""Evaluations as rows of text."""

from __future__ import annotations

import pytest

from lorasteer.evaluation import Spread, markdown_table, rows
from lorasteer.evaluation.table import cell
from lorasteer.records import Evaluation, Measurement


def evaluation(subject: str, accuracy: float, kl: float | None) -> Evaluation:
    measured = (
        Measurement(name="forget_accuracy", value=accuracy, unit="share", n=9, better="near-retrained"),
        Measurement(name="mia_auc", value=0.51234, unit="auc", n=9, better="near-ideal", ideal=0.5),
        Measurement(name="kl", value=kl, unit="nats", n=9, better="lower"),
    )
    return Evaluation(subject=subject, splits="s", model="m", measurements=measured)


TWO = [evaluation("base", 1.0, None), evaluation("lora-ihl", 0.0025, 1.2345)]


def test_rows_are_plain_text_with_the_way_that_is_good() -> None:
    assert rows(TWO) == [
        {"model": "base", "forget accuracy → retrained": "100.00%", "mia auc → 0.5": "0.512", "kl ↓": "–"},
        {"model": "lora-ihl", "forget accuracy → retrained": "0.25%", "mia auc → 0.5": "0.512", "kl ↓": "1.23"},
    ]


def test_columns_are_chosen_and_ordered_by_name_and_unknown_ones_left_out() -> None:
    assert list(rows(TWO, ["kl", "forget_accuracy", "never_measured"])[0]) == ["model", "kl ↓", "forget accuracy → retrained"]


def test_a_metric_that_only_one_model_has_is_a_dash_for_the_other() -> None:
    short = Evaluation(subject="short", splits="s", model="m", measurements=())
    assert rows([short, TWO[1]], ["kl"]) == [{"model": "short", "kl ↓": "–"}, {"model": "lora-ihl", "kl ↓": "1.23"}]


def test_the_noise_floor_is_the_last_row() -> None:
    last = rows(TWO, floor={"forget_accuracy": Spread(0.01, 0.02, 2)})[-1]
    assert last == {
        "model": "noise floor (other seed)", "forget accuracy → retrained": "± 2.00%", "mia auc → 0.5": "–", "kl ↓": "–",
    }  # fmt: skip


def test_markdown() -> None:
    assert markdown_table(TWO, ["forget_accuracy"]) == (
        "| model | forget accuracy → retrained |\n| --- | ---: |\n| base | 100.00% |\n| lora-ihl | 0.25% |"
    )
    assert markdown_table([]) == ""


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.0804, "seconds", "0.0804 s"), (6144.0, "parameters", "6,144"), (2.0, "examples", "2"), (None, "auc", "–")],
)
def test_units_have_their_own_words(value: float | None, unit: str, text: str) -> None:
    assert cell(value, unit) == text
