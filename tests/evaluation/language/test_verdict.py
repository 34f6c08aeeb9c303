"""Measurements of text in words, in both directions, and silence where chance may explain them."""

from __future__ import annotations

from lorasteer.evaluation.language import text_verdict
from lorasteer.records import Evaluation, Measurement

UNITS = {"forget_quality": "p-value"}


def evaluation(n: int = 1000, **values: float) -> Evaluation:
    found = [Measurement(name=k, value=v, unit=UNITS.get(k, "share"), n=n, better="none") for k, v in values.items()]
    return Evaluation(subject="x", splits="s", model="m", measurements=tuple(found))


def said(now: Evaluation, gold: Evaluation | None = None) -> tuple[str, ...]:
    return text_verdict(now, aim="remove", retrained=gold)


GOLD = evaluation(forget_probability=0.10, retain_probability=0.9, model_utility=0.6)


def test_memory_over_forgetting_and_silence() -> None:
    assert said(evaluation(forget_probability=0.4), GOLD)[0].startswith(
        "still recognised: answer probability on the forget set is 40"
    )
    assert said(evaluation(forget_probability=0.0), GOLD)[0].startswith("over-forgotten")
    assert said(evaluation(forget_probability=0.1), GOLD) == ()


def test_the_strongest_attack_speaks_where_the_loss_is_silent() -> None:
    assert said(evaluation(mia_auc=0.51, mia_auc_zlib=0.53, mia_auc_min_k=0.7), GOLD) == (
        "still recognisable as members by the min-k attack: area 0.700, where 0.5 gives nothing away.",
    )
    (sentence,) = said(evaluation(mia_auc=0.5, mia_auc_min_k_plus=0.2), GOLD)
    assert sentence == "over-forgotten: area 0.200 of the min-k-plus attack; below 0.5 the forget set stands out as well."
    assert len(said(evaluation(mia_auc=0.8, mia_auc_min_k=0.9), GOLD)) == 1
    assert said(evaluation(mia_auc=0.5, mia_auc_min_k=0.54), GOLD) == ()


def test_few_examples_widen_the_band() -> None:
    """With 24 examples two standard errors are 2 / sqrt(144) = 0.167."""
    assert said(evaluation(24, mia_auc=0.5, mia_auc_min_k=0.66), GOLD) == ()


def test_forget_quality_tells_them_apart() -> None:
    (sentence,) = said(evaluation(400, forget_quality=1e-9), GOLD)
    assert sentence.startswith("told apart from the retrained model: their truth ratios differ (forget quality 1e-09 on 400")
    assert said(evaluation(forget_quality=0.4), GOLD) == ()


def test_lost_utility_is_named() -> None:
    assert said(evaluation(model_utility=0.5), GOLD) == ("damaged: model utility is 0.500, the retrained model's 0.600.",)
    assert said(evaluation(model_utility=0.58), GOLD) == ()


def test_a_missing_retrained_model_is_said() -> None:
    assert said(evaluation(forget_probability=0.0))[-1].startswith("no retrained model to compare with")
