"""One pass that shares prompts says what scoring each answer alone with the whole model says."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from lorasteer.evaluation.language import Question
from lorasteer.evaluation.language import scoring as module
from lorasteer.evaluation.language.scoring import Scores, score
from lorasteer.tasks.language.network import Network
from tests.evaluation.language.build import questionnaire
from tests.tasks.language import build


@pytest.fixture(params=build.FAMILIES)
def model(request: pytest.FixtureRequest) -> nn.Module:
    """In double precision but for experts, whose grouped products know it not."""
    own = copy.deepcopy(build.base(request.param).model)
    return own.double() if request.param in ("llama", "gpt2") else own


def questions() -> list[Question]:
    """Prompts of several lengths, with one to seven answers."""
    return [question for sheet in questionnaire("full").parts.values() for question in sheet.questions]


def alone(model: nn.Module, asked: list[Question]) -> list[Tensor]:
    """Log p over the vocabulary at each token of each answer, from one forward pass of the whole model for each of them."""
    found = []
    with torch.no_grad():
        for question in asked:
            for answer in question.answers:
                logits = model(input_ids=torch.tensor([[*question.prompt, *answer]])).logits[0]
                found.append(logits.log_softmax(-1)[len(question.prompt) - 1 : -1])
    return found


def test_sharing_the_prompt_equals_scoring_each_answer_alone(model: nn.Module) -> None:
    asked = questions()
    assert max(len(question.answers) for question in asked) > 3
    assert len({len(question.prompt) for question in asked}) > 3
    said = score(Network.of(model), asked)
    expected, labels = alone(model, asked), [answer for question in asked for answer in question.answers]
    for given, log_p, answer in zip(torch.split(said.log_prob, said.lengths.tolist()), expected, labels, strict=True):
        own = log_p.gather(1, torch.tensor(answer)[:, None])[:, 0]
        assert torch.allclose(given, own, rtol=1e-5, atol=1e-5)


def test_spread_over_the_vocabulary_and_most_probable_words_of_right_answers(model: nn.Module) -> None:
    asked = questions()[:8]
    said = score(Network.of(model), asked)
    spans = [span.tolist() for span in torch.split(torch.arange(len(said.log_prob)), said.lengths.tolist())]
    place = 0
    for question, log_p in zip(asked, firsts(asked, alone(model, asked)), strict=True):
        span, p = spans[place], log_p.exp()
        mean = (p * log_p).sum(-1)
        assert torch.allclose(said.mean[span], mean, rtol=1e-5, atol=1e-5)
        assert torch.allclose(said.std[span], ((p * log_p**2).sum(-1) - mean**2).sqrt(), rtol=1e-4, atol=1e-4)
        assert said.right[span].tolist() == (log_p.argmax(-1) == torch.tensor(question.answers[0])).tolist()
        place += len(question.answers)


def firsts(asked: list[Question], each: list[Tensor]) -> list[Tensor]:
    """What belongs to the right answer of each question."""
    starts = itertools.accumulate((len(question.answers) for question in asked[:-1]), initial=0)
    return [each[start] for start in starts]


def test_sharing_and_group_size_change_nothing(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    network, asked = Network.of(model), questions()
    shared, apart = score(network, asked), score(network, asked, share=False)
    monkeypatch.setattr(module, "GROUP", 3)
    monkeypatch.setattr(module, "TOKENS", 100)
    for other in (apart, score(network, asked)):
        assert torch.allclose(shared.log_prob, other.log_prob, rtol=1e-5, atol=1e-5)
        assert torch.equal(shared.lengths, other.lengths)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_an_adapter_is_measured_and_the_model_left_as_it_was() -> None:
    """Modes of the modules, weights, gradients and the random stream; in training mode dropout would change the answers."""
    base = build.base("llama").model
    torch.manual_seed(0)
    model: nn.Module = get_peft_model(
        copy.deepcopy(base), LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False, lora_dropout=0.5)
    )
    model.train()
    model.get_submodule("base_model.model.model.layers.1").eval()
    before, modes = {name: value.clone() for name, value in model.state_dict().items()}, [m.training for m in model.modules()]
    stream = torch.get_rng_state()
    asked = questions()[:6]
    first, second = score(Network.of(model), asked), score(Network.of(model), asked)
    assert torch.equal(first.log_prob, second.log_prob)
    assert not torch.allclose(first.log_prob, score(Network.of(base), asked).log_prob)
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert any(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), stream)


def test_modes_come_back_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    model = copy.deepcopy(build.base("llama").model).train()
    network = Network.of(model)

    def broken(*args: object, **kwargs: object) -> Tensor:
        raise RuntimeError("no memory")

    monkeypatch.setattr(network.decoder, "forward", broken)
    with pytest.raises(RuntimeError, match="no memory"):
        score(network, questions()[:2])
    assert all(part.training for part in model.modules())


def test_nothing_asked_is_nothing_said() -> None:
    said = score(Network.of(build.base("llama").model), [])
    assert isinstance(said, Scores)
    assert (len(said.lengths), len(said.log_prob)) == (0, 0)


def test_plain_text_has_no_prompt_but_its_first_token() -> None:
    """Two texts of which the first token is what the others are predicted from; nothing can be shared."""
    asked = [Question((5,), ((6, 7, 2),)), Question((9,), ((8, 2), (7, 7, 2)))]
    model = copy.deepcopy(build.base("gpt2").model).double()
    said = score(Network.of(model), asked)
    labels = [torch.tensor(answer)[:, None] for question in asked for answer in question.answers]
    expected = [log_p.gather(1, own)[:, 0] for log_p, own in zip(alone(model, asked), labels, strict=True)]
    assert torch.allclose(said.log_prob, torch.cat(expected))
