"""Kept answers come back only for the same model, questions and definitions."""

from __future__ import annotations

import copy
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from lorasteer.evaluation.language import Answers, Kept, TextOutputs, collect, keeping
from lorasteer.evaluation.language import collect as _collect  # noqa: F401 - the module below is found through its package
from lorasteer.evaluation.language.scoring import Scores
from tests.evaluation.language.build import answers, questionnaire
from tests.tasks.language import build


@pytest.fixture
def model() -> nn.Module:
    return copy.deepcopy(build.base("llama").model)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many questions each call of the scoring pass was given."""
    module, found = sys.modules["lorasteer.evaluation.language.collect"], list[int]()
    score = module.score

    def counted(network: object, questions: list[object]) -> Scores:
        found.append(len(questions))
        scores: Scores = score(network, questions)
        return scores

    monkeypatch.setattr(module, "score", counted)
    return found


def put(model: nn.Module, kept: Kept | None, digest: str = "base", suite: str = "quick") -> TextOutputs:
    return collect(model, questionnaire(suite), subject="base", digest=digest, kept=kept)


def same(one: Answers, other: Answers) -> bool:
    pairs = [(getattr(one, item.name), getattr(other, item.name)) for item in fields(Answers)]
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)


def test_the_same_question_is_asked_once(model: nn.Module, asked: list[int]) -> None:
    kept = Kept()
    first, second = put(model, kept), put(model, kept)
    assert asked[0] > 0
    assert asked[1:] == [0]
    assert all(same(one, second.parts()[name]) for name, one in first.parts().items())


def test_files_serve_another_process(model: nn.Module, asked: list[int], tmp_path: Path) -> None:
    first, second = put(model, Kept(tmp_path), suite="full"), put(model, Kept(tmp_path), suite="full")
    assert asked[1:] == [0]
    assert first.forget.written == second.forget.written
    assert all(same(one, second.parts()[name]) for name, one in first.parts().items())


def test_a_damaged_file_is_asked_again(model: nn.Module, asked: list[int], tmp_path: Path) -> None:
    first = put(model, Kept(tmp_path))
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:50])
    assert same(first.forget, put(model, Kept(tmp_path)).forget)
    assert asked[1] == asked[0]


def test_any_changed_weight_misses_whatever_its_owner_says(model: nn.Module, asked: list[int]) -> None:
    kept = Kept()
    put(model, kept)
    with torch.no_grad():
        model.get_submodule("model.layers.2.mlp.down_proj").get_parameter("weight")[0, 0] += 1e-3
    put(model, kept)
    assert asked[1] == asked[0]


def test_another_name_misses(model: nn.Module, asked: list[int]) -> None:
    kept = Kept()
    put(model, kept, "base")
    put(model, kept, "base and change")
    assert asked[1] == asked[0]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_strength_and_an_adapter_switched_off_miss(model: nn.Module, asked: list[int]) -> None:
    kept, config = Kept(), LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    adapted = get_peft_model(model, config)  # type: ignore[arg-type]
    put(adapted, kept)
    for layer in adapted.modules():
        if hasattr(layer, "scaling") and isinstance(layer.scaling, dict):
            layer.scaling["default"] = 0.5
    put(adapted, kept)
    with adapted.disable_adapter():
        put(adapted, kept)
    put(adapted, kept)
    assert asked == [asked[0]] * 3 + [0]


def test_other_questions_miss_and_the_same_sheets_do_not(model: nn.Module, asked: list[int]) -> None:
    """The quick and the full suite share the sheets that neither needs candidates nor own answers for."""
    kept = Kept()
    put(model, kept)
    put(model, kept, suite="full")
    full = questionnaire("full")
    shared = [len(full.parts[name]) for name in ("retain_test", "validation")]
    assert asked[1] == sum(map(len, full.parts.values())) + sum(map(len, full.sheets.values())) - sum(shared)


def test_another_definition_misses(model: nn.Module, asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    put(model, kept)
    monkeypatch.setattr(keeping, "definition", lambda: "another formula")
    put(model, kept)
    assert asked[1] == asked[0]


def test_the_definition_holds_sources_facts_and_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = keeping.definition.__wrapped__
    before = plain()
    assert plain() == before
    monkeypatch.setattr(keeping, "version", lambda library: "0")
    assert plain() != before
    monkeypatch.undo()
    monkeypatch.setitem(keeping.TEXT_METRICS["mia-auc"].facts, "ideal", 0.4)  # type: ignore[arg-type]
    assert plain() != before


def test_answers_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    sheet = questionnaire().parts["forget"]
    Kept(tmp_path).put("key", sheet, answers([float("nan")]))
    assert not list(tmp_path.iterdir())


def test_memory_holds_the_latest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST", 2)
    kept, sheet = Kept(), questionnaire().parts["forget"]
    for key in "abc":
        kept.put(key, sheet, answers([0.5]))
    assert [kept.get(key, sheet) is None for key in "abc"] == [True, False, False]
