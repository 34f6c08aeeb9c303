"""From a model to answers: candidates in their places, own answers, and a model that stays as it was."""

from __future__ import annotations

import copy
import sys

import pytest
import torch
from torch import nn

from lorasteer.core.rouge import rouge_l_recall
from lorasteer.evaluation.language import Question, TextContext, collect, evaluate_text
from lorasteer.evaluation.language.scoring import score
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.language.network import Network
from tests.evaluation.language.build import inputs, questionnaire
from tests.tasks.language import build


@pytest.fixture
def model() -> nn.Module:
    return copy.deepcopy(build.base("llama").model)


def test_candidates_stand_in_their_places(model: nn.Module) -> None:
    """Each wrong answer and paraphrase scored as a question of its own."""
    asked = questionnaire("full")
    forget = collect(model, asked, subject="base", digest="b").forget
    sheet, network = asked.parts["forget"], Network.of(model)
    apart = [
        score(network, [Question(q.prompt, (answer,))]).log_prob.double().mean() for q in sheet.questions for answer in q.answers
    ]
    rows = iter(apart)
    right, other, wrong = [], [], []
    for question, has in zip(sheet.questions, sheet.paraphrased, strict=True):
        mine = [next(rows) for _ in question.answers]
        right.append(mine[0])
        other += mine[1:2] if has else []
        wrong += mine[2:] if has else mine[1:]
    for given, expected in ((forget.mean_log_prob, right), (forget.paraphrase, other), (forget.wrong, wrong)):
        assert torch.allclose(given.double(), torch.stack(expected), rtol=1e-5, atol=1e-5)
    assert len(other) > 0
    assert len(wrong) > len(right)


def test_own_answers_are_greedy_and_no_longer_than_the_right_ones(model: nn.Module) -> None:
    """Against `generate` of transformers, question by question."""
    asked, read = questionnaire("full"), inputs()
    forget = collect(model, asked, subject="base", digest="b").forget
    assert forget.written is not None
    assert forget.rouge is not None
    sheet = asked.parts["forget"]
    for row, question in enumerate(sheet.questions):
        prompt = torch.tensor([question.prompt])
        whole = model.generate(  # type: ignore[operator]
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=len(question.answers[0]),
            eos_token_id=read.tokenizer.eos_token_id, pad_token_id=0,
        )  # fmt: skip
        assert forget.written[row] == read.decode(whole[0, len(question.prompt) :]).strip()
        assert forget.rouge[row] == pytest.approx(rouge_l_recall(sheet.examples.answers[row], forget.written[row]))


def test_an_answer_known_by_heart_is_not_written_again(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tokens are declared the most probable ones, as those of a memorised answer are."""
    module = sys.modules["lorasteer.evaluation.language.collect"]
    plain = module.score
    monkeypatch.setattr(module, "score", lambda network, questions: _known(plain(network, questions)))
    steps: list[int] = []
    monkeypatch.setattr(module, "write_greedily", lambda network, known, limits, end: _counted(known, limits, steps))
    forget = collect(model, questionnaire("full"), subject="base", digest="b").forget
    assert steps
    assert set(steps) == {0}
    assert forget.rouge is not None
    assert forget.rouge.tolist() == [1.0] * len(forget)


def _known(scores: object) -> object:
    scores.right.fill_(True)  # type: ignore[attr-defined]
    return scores


def _counted(known: list[list[int]], limits: list[int], steps: list[int]) -> list[list[int]]:
    steps += [limit - len(ids) for ids, limit in zip(known, limits, strict=True)]
    return known


def test_the_measured_model_is_unchanged(model: nn.Module) -> None:
    model.train().requires_grad_(True)
    before, stream = weights_digest(model), torch.get_rng_state()
    context = TextContext(collect(model, questionnaire("full"), subject="base", digest="b"))
    evaluate_text(context, "full")
    assert weights_digest(model) == before
    assert all(part.training for part in model.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), stream)


def test_two_measurements_are_equal(model: nn.Module) -> None:
    one, two = (evaluate_text(TextContext(collect(model, questionnaire(), subject="b", digest="b"))) for _ in range(2))
    assert one == two


def test_a_model_of_numbers_that_are_none_gives_none_and_says_so(model: nn.Module) -> None:
    with torch.no_grad():
        model.get_submodule("model.norm").get_parameter("weight").fill_(float("nan"))
    found = evaluate_text(TextContext(collect(model, questionnaire("full"), subject="base", digest="b")), "full")
    assert found.value("forget_probability") is None
    assert found["forget_probability"].note == "the model's logits are not finite"


@pytest.mark.parametrize("family", ["gpt2", "mixtral", "qwen-moe"])
def test_other_families_are_measured(family: str) -> None:
    model = build.base(family).model
    found = evaluate_text(TextContext(collect(model, questionnaire("full", family), subject="base", digest="b")), "full")
    value = found.value("forget_probability")
    assert value is not None
    assert 0 < value < 1


def test_half_precision_is_measured_in_single(model: nn.Module) -> None:
    single = collect(model, questionnaire(), subject="b", digest="b").forget
    half = collect(model.to(torch.bfloat16), questionnaire(), subject="b", digest="b").forget
    assert half.log_prob.dtype == torch.float32
    assert torch.allclose(half.mean_log_prob, single.mean_log_prob, atol=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_model_on_a_gpu_is_measured_there(model: nn.Module) -> None:
    there = collect(copy.deepcopy(model).cuda(), questionnaire("full"), subject="b", digest="b")
    here = collect(model, questionnaire("full"), subject="b", digest="b")
    assert torch.allclose(there.forget.log_prob, here.forget.log_prob, atol=1e-3)
    assert there.forget.log_prob.device.type == "cpu"
