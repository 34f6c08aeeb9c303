"""Published numbers of TOFU from its authors' own logs: forget quality, model utility, ROUGE."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lorasteer.core.rouge import rouge_l_recall
from lorasteer.core.text_statistics import (
    forget_quality,
    harmonic_mean,
    probability_among,
    truth_ratio_kept,
    truth_ratio_loss,
    truth_ratio_probability,
)
from lorasteer.evaluation.language import Answers, TextContext, TextOutputs, evaluate_text
from tests.evaluation.language.build import NOTHING

pytestmark = pytest.mark.realdata
SPACES = {"loss": truth_ratio_loss, "probability": truth_ratio_probability}
FORGET, RETAIN = "eval_log_forget.json", "eval_log.json"
SHEETS = ("eval_real_author_wo_options.json", "eval_real_world_wo_options.json")


@cache
def log(folder: Path, model: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress((folder / "tofu_eval_logs" / f"{model}.json.gz").read_bytes()))
    return found


def column(part: dict[str, Any], name: str) -> Tensor:
    return torch.tensor(list(part[name].values()), dtype=torch.float64)


def candidates(part: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Mean log-probabilities of the wrong answers, flat, and how many there are of each example."""
    wrong = -column(part, "average_perturb_loss")
    return wrong.flatten(), torch.full((len(wrong),), wrong.shape[1])


def ratio(part: dict[str, Any], space: str) -> Tensor:
    return SPACES[space](-column(part, "avg_paraphrased_loss"), *candidates(part))


def utility(logged: dict[str, Any], space: str) -> float:
    nine = [float((-column(logged[RETAIN], "avg_gt_loss")).exp().mean())]
    nine += [float(probability_among(-column(logged[s], "avg_gt_loss"), *candidates(logged[s])).mean()) for s in SHEETS]
    for name in (RETAIN, *SHEETS):
        nine.append(float(column(logged[name], "rougeL_recall").mean()))
        nine.append(float(truth_ratio_kept(ratio(logged[name], space)).mean()))
    assert len(nine) == 9
    return harmonic_mean(nine)


@pytest.mark.parametrize(
    ("model", "reference", "space", "published"),
    [
        ("llama2-7b", "retain90", "loss", 1.834e-21),
        ("llama2-7b", "retain90", "probability", 6.03e-23),
        ("llama2-7b", "retain95", "loss", 6.50e-16),
        ("llama2-7b", "retain99", "loss", 2.35e-06),
        ("phi", "retain90", "loss", 2.19e-16),
    ],
)
def test_forget_quality_of_the_published_models(
    shared_data: Path, model: str, reference: str, space: str, published: float
) -> None:
    full, retained = (log(shared_data, f"{model}_{name}")[FORGET] for name in ("full", reference))
    assert forget_quality(ratio(full, space), ratio(retained, space)) == pytest.approx(published, rel=5e-3)


@pytest.mark.parametrize(("space", "published"), [("loss", 0.6227), ("probability", 0.5859)])
def test_model_utility_of_llama_2(shared_data: Path, space: str, published: float) -> None:
    assert utility(log(shared_data, "llama2-7b_full"), space) == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize("model", ["llama2-7b_full", "phi_retain90"])
def test_every_published_rouge_value_is_found_again(shared_data: Path, model: str) -> None:
    """817 answers of each model, stemmed as the authors did."""
    compared = 0
    for part in log(shared_data, model).values():
        for place, (_, written, reference) in part["generated_text"].items():
            assert rouge_l_recall(reference, written) == pytest.approx(part["rougeL_recall"][place], abs=1e-9), written
            compared += 1
    assert compared == 817


def answers_of(part: dict[str, Any]) -> Answers:
    """A part of a log as answers; in place of single tokens it holds the mean of each answer."""
    own, (wrong, counts) = -column(part, "avg_gt_loss"), candidates(part)
    rows = len(own)
    return Answers(
        asked="log", lengths=torch.ones(rows, dtype=torch.int64), log_prob=own, mean=torch.zeros(rows), std=torch.ones(rows),
        right=torch.zeros(rows, dtype=torch.bool), compressed=torch.ones(rows, dtype=torch.int64),
        paraphrased=torch.ones(rows, dtype=torch.bool), paraphrase=-column(part, "avg_paraphrased_loss"), counts=counts,
        wrong=wrong, rouge=column(part, "rougeL_recall"),
    )  # fmt: skip


def outputs_of(logged: dict[str, Any], subject: str) -> TextOutputs:
    sheets = {name: answers_of(logged[name]) for name in SHEETS}
    parts = dict.fromkeys(("forget_test", "retain_test", "validation"), NOTHING)
    return TextOutputs(
        subject, "m", "s", forget=answers_of(logged[FORGET]), retain=answers_of(logged[RETAIN]), sheets=sheets, **parts
    )


def test_the_suite_reports_the_published_numbers(shared_data: Path) -> None:
    """The same four numbers through the metrics that a user sees."""
    full, retained = (outputs_of(log(shared_data, f"llama2-7b_{name}"), name) for name in ("full", "retain90"))
    found = evaluate_text(TextContext(full, None, (retained,)), "full")
    assert found.value("forget_quality") == pytest.approx(1.834e-21, rel=5e-3)
    assert found.value("forget_quality_probability") == pytest.approx(6.03e-23, rel=5e-3)
    assert found.value("model_utility") == pytest.approx(0.6227, abs=5e-5)
    assert found.value("model_utility_probability") == pytest.approx(0.5859, abs=5e-5)
