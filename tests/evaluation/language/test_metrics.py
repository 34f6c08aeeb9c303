"""Every text metric on answers from which its value is worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lorasteer.errors import DataError, PlanError
from lorasteer.evaluation.language import TEXT_METRICS, TextContext, evaluate_text, text_metrics_of
from lorasteer.records import Evaluation
from tests.evaluation.language.build import NOTHING, answers, outputs

GOLD = outputs("retrained", forget=answers([0.5], [0.25], wrong=[[0.5], [0.1]]))


def measured(suite: str = "full", retrained: Any = (), base: Any = None, **parts: Any) -> Evaluation:
    return evaluate_text(TextContext(outputs(**parts), base, tuple(retrained)), suite)


def test_probability_and_loss() -> None:
    """Geometric means sqrt(0.5 * 0.125) = 0.25 and 0.75: mean 0.5. Losses ln 4 and ln 4/3: mean ln(16/3) / 2."""
    said = answers([0.5, 0.125], [0.75])
    found = measured(forget=said, forget_test=answers([0.3]), retain=answers([0.9], [0.7]), retain_test=answers([0.6]))
    assert found.value("forget_probability") == pytest.approx(0.5)
    assert found.value("forget_loss") == pytest.approx(math.log(16 / 3) / 2)
    assert found.value("forget_test_probability") == pytest.approx(0.3)
    assert found.value("retain_probability") == pytest.approx(0.8)
    assert found.value("retain_test_probability") == pytest.approx(0.6)
    assert (found["forget_probability"].n, found["retain_test_probability"].n) == (2, 1)


def test_means_come_with_their_interval() -> None:
    """Of 0 and 1 alone every draw of two has the mean 0, 1/2 or 1; of equal numbers there is no doubt."""
    found = measured(forget=answers([0.75], [0.25]), retain=answers([0.5], [0.5]))
    assert found["forget_probability"].interval == pytest.approx((0.25, 0.75))
    assert found["retain_probability"].interval == pytest.approx((0.5, 0.5))
    assert found["mia_auc"].interval is None


def test_memorised_tokens() -> None:
    """Right, wrong, right, right: 3/4 known, the last 2 of 4 extracted. A wrong last token: 1/2 known, 0 extracted."""
    said = answers([0.1] * 4, [0.1] * 2, right=[[True, False, True, True], [True, False]])
    found = measured(forget=said)
    assert found.value("exact_memorisation") == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found.value("extraction_strength") == pytest.approx((1 / 2 + 0) / 2)


def test_truth_ratio_takes_the_paraphrase_where_there_is_one() -> None:
    """First: right in other words 0.5, wrong 0.1 and 0.4: R 0.4 and 0.5. Second: no paraphrase, 0.2 itself, wrong 0.8: R 4."""
    found = measured(forget=answers([0.9], [0.2], [0.7], paraphrase=[0.5], wrong=[[0.1, 0.4], [0.8]]))
    assert found.value("truth_ratio_loss") == pytest.approx((0.4 + 1 / 4) / 2)
    assert found.value("truth_ratio_probability") == pytest.approx((0.5 + 1 / 4) / 2)
    assert found.value("truth_share") == pytest.approx((1 / 1.5 + 1 / 5) / 2)
    assert (found["truth_ratio_loss"].n, found["truth_ratio_loss"].note) == (2, "wrong answers averaged in loss space")
    assert found.value("forget_paraphrase_probability") == pytest.approx(0.5)


def test_forget_quality_compares_truth_ratios() -> None:
    """Ratios 1, 0.4 of the retrained model; 8, 9 of this one lie beyond: 2 of 6 orders are as far apart, p = 1/3."""
    far = answers([0.1], [0.1], wrong=[[0.8], [0.9]])
    assert measured(forget=far, retrained=[GOLD]).value("forget_quality") == pytest.approx(1 / 3)
    assert measured(forget=far, retrained=[GOLD]).value("forget_quality_probability") == pytest.approx(1 / 3)
    assert measured(forget=GOLD.forget, retrained=[GOLD]).value("forget_quality") == 1.0


def test_model_utility_is_the_harmonic_mean_of_nine() -> None:
    """Retain: 0.8, 0.6, 1 - 0.2/0.8 = 0.75. Sheets: among candidates 0.5 / (0.5 + 0.3) = 0.625, 1, 1 - 0.6 = 0.4; twice."""
    sheet = answers([0.5], wrong=[[0.3]], rouge=[1.0])
    found = measured(retain=answers([0.8], wrong=[[0.2]], rouge=[0.6]), sheets={"real_authors": sheet, "world_facts": sheet})
    nine = [0.8, 0.6, 0.75, 0.625, 1.0, 0.4, 0.625, 1.0, 0.4]
    assert found.value("model_utility") == pytest.approx(9 / sum(1 / value for value in nine))
    assert found["model_utility"].note == "harmonic mean of 9 numbers, on retain, real_authors, world_facts"
    assert found["model_utility"].n == 3


def test_model_utility_counts_what_own_data_have() -> None:
    """Without wrong answers and sheets: probability and ROUGE of what is retained."""
    found = measured(retain=answers([0.5], rouge=[1.0]))["model_utility"]
    assert (found.value, found.note) == (pytest.approx(2 / 3), "harmonic mean of 2 numbers, on retain")


def test_own_answers() -> None:
    found = measured(
        forget=answers([0.5], [0.5], rouge=[1.0, 0.0]),
        forget_test=answers([0.5], rouge=[0.25]),
        retain=answers([0.5], rouge=[0.75]),
    )
    assert [found.value(name) for name in ("forget_rouge", "forget_test_rouge", "retain_rouge")] == [0.5, 0.25, 0.75]
    assert measured(forget=answers([0.5]))["forget_rouge"].note == "the model wrote no answers of its own"


def test_what_is_missing_is_not_made_up() -> None:
    found = measured()
    for name in ("forget_probability", "truth_ratio_loss", "mia_auc", "model_utility", "forget_paraphrase_probability"):
        assert found.value(name) is None, name
        assert found[name].note, name
    assert found["forget_quality"].note == "needs a retrained model"
    assert measured(forget=answers([0.5]))["truth_ratio_loss"].note == "the data hold no wrong answers to compare with"


def test_answers_that_are_no_numbers_give_no_numbers() -> None:
    broken = answers([0.5], [0.5], log_prob=torch.tensor([math.nan, -1.0], dtype=torch.float64))
    found = measured(forget=broken, retain=answers([0.5]), retrained=[GOLD], seconds=3.0)
    for measurement in found.measurements:
        if measurement.name not in ("seconds", "prefix_seconds", "trainable"):
            assert (measurement.value, bool(measurement.note)) == (None, True), measurement.name
    assert found["forget_probability"].note == "the model's logits are not finite"
    assert found.value("seconds") == 3.0


def test_a_broken_retrained_model_is_said() -> None:
    broken = outputs(forget=answers([math.nan], [0.25], wrong=[[0.5], [0.1]]))
    found = measured(forget=GOLD.forget, retrained=[broken])
    assert found["forget_quality"].note == "the retrained model's answers are not finite"
    assert found.value("forget_quality") is None


def test_costs_are_passed_on() -> None:
    found = measured(forget=answers([0.5]), seconds=2.5, prefix_seconds=0.5, trainable=1000)
    assert [found.value(name) for name in ("seconds", "prefix_seconds", "trainable")] == [2.5, 0.5, 1000.0]


def test_models_asked_other_questions_do_not_compare() -> None:
    with pytest.raises(DataError, match="were not asked the same questions"):
        TextContext(outputs(forget=answers([0.5], asked="one")), outputs("base", forget=answers([0.5], asked="other")))


def test_columns_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(DataError, match="'log_prob' holds 1 entries, the answers need 2"):
        answers([0.5, 0.5], log_prob=torch.zeros(1))
    with pytest.raises(DataError, match="the direction weighs 2 examples, forget holds 1"):
        outputs(forget=answers([0.5]), selected=torch.ones(2))


def test_suites_are_ordered_and_quick_needs_no_writing() -> None:
    quick, full = ([entry.name for entry in text_metrics_of(suite)] for suite in ("quick", "full"))
    assert set(full) - set(quick) == {
        "forget-rouge", "forget-test-rouge", "retain-rouge", "model-utility", "model-utility-probability",
    }  # fmt: skip
    assert [TEXT_METRICS[name]["order"] for name in full] == sorted(TEXT_METRICS[name]["order"] for name in full)
    with pytest.raises(PlanError, match="unknown suite 'fast'"):
        text_metrics_of("fast")


def test_values_stay_within_what_their_facts_say() -> None:
    """Extremes: all known, and nothing known."""
    known, lost = answers([1.0], wrong=[[1e-9]], rouge=[1.0]), answers([1e-12], wrong=[[0.9]], rouge=[0.0])
    for mine, other in ((known, lost), (lost, known)):
        parts = {"forget": mine, "retain": mine, "validation": other, "forget_test": other}
        for m in measured(**parts, retrained=[outputs(**parts)]).measurements:
            assert m.value is None or ((m.low is None or m.value >= m.low) and (m.high is None or m.value <= m.high)), m.name


def test_an_empty_part_is_empty() -> None:
    assert len(NOTHING) == 0
    assert NOTHING.finite
