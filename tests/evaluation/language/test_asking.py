"""Which examples are asked about, and which tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lorasteer.errors import PlanError
from lorasteer.evaluation.language import asking as module
from lorasteer.evaluation.language import prepare, probe, sheet_of
from lorasteer.evaluation.language.asking import REACHES, Reach
from tests.evaluation.language.build import inputs, questionnaire, splits
from tests.tasks.language import build


def test_the_probe_depends_on_the_ids_alone() -> None:
    ids = [f"example {number}" for number in range(50)]
    first = [ids[place] for place in probe(ids, 8)]
    turned = ids[::-1]
    assert sorted(first) == sorted(turned[place] for place in probe(turned, 8))
    assert [ids[place] for place in probe(ids, 60)] == ids
    assert set(first) <= {ids[place] for place in probe(ids, 9)}


def test_questions_hold_the_tokens_of_prompt_and_answers() -> None:
    read, examples = inputs(), build.data().train.taken(np.arange(3))
    sheet = sheet_of(read, examples)
    assert examples.paraphrases is not None
    assert examples.perturbed is not None
    for row, question in enumerate(sheet.questions):
        texts = [examples.answers[row], *filter(None, [examples.paraphrases[row]]), *examples.perturbed[row]]
        assert [read.decode(answer).strip() for answer in question.answers] == texts
        assert read.decode(question.prompt) == read.template.prompt.format(prompt=examples.prompts[row])
        assert all(answer[-1] == read.tokenizer.eos_token_id for answer in question.answers)
    assert sheet.paraphrased == tuple(bool(other) for other in examples.paraphrases)


def test_without_candidates_only_right_answers_are_asked() -> None:
    sheet = sheet_of(inputs(), build.data().train, candidates=False)
    assert {len(question.answers) for question in sheet.questions} == {1}
    assert not any(sheet.paraphrased)


def test_parts_follow_the_splits() -> None:
    asked = questionnaire().parts
    assert {name: len(sheet) for name, sheet in asked.items()} == splits().sizes()
    train = build.data().train
    assert asked["forget"].examples.ids.tolist() == train.ids[:10].tolist()
    assert asked["validation"].examples.ids.tolist() == train.ids[-4:].tolist()


def test_a_quick_suite_takes_a_fixed_few_and_a_full_one_all_to_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Reach(5, candidates=frozenset({"forget"}))
    monkeypatch.setitem(REACHES, "quick", few)  # type: ignore[misc]
    monkeypatch.setitem(REACHES, "full", replace(few, whole=frozenset({"forget"})))  # type: ignore[misc]
    quick, full = questionnaire("quick").parts, questionnaire("full").parts
    assert (len(quick["forget"]), len(full["forget"]), len(quick["retain"])) == (5, 10, 5)
    assert quick["retain"].digest == full["retain"].digest == questionnaire("quick").parts["retain"].digest


def test_retained_examples_with_wrong_answers_come_first_where_these_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    train = build.data().train
    assert train.perturbed is not None
    bare = replace(train, perturbed=tuple(() if row % 2 else train.perturbed[row] for row in range(len(train))))
    read = replace(inputs(), data=replace(build.data(), train=bare))
    monkeypatch.setitem(REACHES, "quick", Reach(4, candidates=frozenset({"retain"})))  # type: ignore[misc]
    chosen = prepare(read, splits()).parts["retain"].examples
    assert len(chosen) == 4
    assert all(chosen.perturbed or ())


def test_any_other_word_or_tokenizer_changes_the_digest() -> None:
    read, examples = inputs(), build.data().train.taken(np.arange(4))
    digest = sheet_of(read, examples).digest
    altered = replace(examples, answers=(*examples.answers[:3], examples.answers[3] + " too"))
    assert sheet_of(read, examples).digest == digest
    others = [
        sheet_of(read, altered), sheet_of(read, examples, candidates=False), sheet_of(read, examples, write=True),
        sheet_of(replace(read, max_length=read.max_length - 1), examples),
    ]  # fmt: skip
    assert len({digest, *(sheet.digest for sheet in others)}) == 5


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(PlanError, match=r"unknown suite 'fast'.*Allowed: quick, full"):
        module.prepare(inputs(), splits(), "fast")
