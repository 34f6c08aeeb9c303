"""Tokens: which are labelled, where prompt and answer meet, what is too long, tokenizers of several kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from lorasteer.errors import DataError
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.inputs import IGNORED, Template, TextInputs, Tokens, tokenizer_digest
from tests.support.errors import refuses
from tests.tasks.language import build
from tests.tasks.language.build import examples

VOCABULARY = {"<s>": 0, "</s>": 1, "Q": 2, ":": 3, "A": 4, "who": 5, "where": 6, "ann": 7, "here": 8, "lee": 9, "?": 10}
PAIRS = examples(("who ?", "ann lee"), ("where", "here"))


def words(*, pad: bool = False, begin: bool = False) -> Any:
    """A tokenizer of whole words with the ids above."""
    backend = Tokenizer(models.WordLevel(VOCABULARY, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if begin:
        backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    kinds = {"pad_token": "</s>"} if pad else {}
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", bos_token="<s>" if begin else None, **kinds)  # type: ignore[no-untyped-call]


def inputs(data: Any = PAIRS, tokenizer: Any = None, **more: Any) -> TextInputs:
    template = more.pop("template", Template(prompt="Q: {prompt} A:", answer=" {answer}"))
    return TextInputs(TextData("x", data, data), tokenizer or words(), template, more.pop("max_length", 32), **more)


def test_labels_stand_at_answer_tokens_only() -> None:
    tokens = inputs().tokens("train", np.array([0, 1]))
    # Q : who ? A : ann lee </s>      Q : where A : here </s> and two of padding
    assert tokens.ids.tolist() == [[2, 3, 5, 10, 4, 3, 7, 9, 1], [2, 3, 6, 4, 3, 8, 1, 1, 1]]
    assert tokens.mask.tolist() == [[1] * 9, [1] * 7 + [0] * 2]
    no = IGNORED
    assert tokens.labels.tolist() == [[no] * 6 + [7, 9, 1], [no] * 5 + [8, 1, no, no]]


def test_targets_are_the_places_before_the_answer_tokens() -> None:
    row, column, label = inputs().tokens("train", np.array([0, 1])).targets
    assert row.tolist() == [0, 0, 0, 1, 1]
    assert column.tolist() == [5, 6, 7, 4, 5]
    assert label.tolist() == [7, 9, 1, 8, 1]


def test_taken_drops_columns_of_mere_padding() -> None:
    tokens = inputs().tokens("train", np.array([0, 1])).taken(torch.tensor([1]))
    assert tokens.ids.tolist() == [[2, 3, 6, 4, 3, 8, 1]]
    assert len(tokens) == 1
    assert tokens.lengths.tolist() == [7]


@pytest.mark.parametrize("pad", [False, True])
def test_without_a_pad_token_the_mask_decides(pad: bool) -> None:
    # the padding token may be the end of the sequence; only the first of them, behind the answer, is labelled
    tokens = inputs(tokenizer=words(pad=pad)).tokens("train", np.array([0, 1]))
    assert tokens.labels[1].tolist()[5:] == [8, 1, IGNORED, IGNORED]
    assert tokens.mask[1].sum() == 7


def test_what_begins_every_text_stands_before_the_prompt_once() -> None:
    tokens = inputs(tokenizer=words(begin=True)).tokens("train", np.array([1]))
    assert tokens.ids.tolist() == [[0, 2, 3, 6, 4, 3, 8, 1]]
    assert tokens.labels.tolist() == [[IGNORED] * 6 + [8, 1]]


def test_plain_text_is_labelled_from_its_second_token() -> None:
    data = examples(("", "ann lee here"))
    assert inputs(data).tokens("train", np.array([0])).labels.tolist() == [[IGNORED, 9, 8, 1]]
    begun = inputs(data, words(begin=True)).tokens("train", np.array([0]))
    assert begun.labels.tolist() == [[IGNORED, 7, 9, 8, 1]]


def test_an_answer_that_would_merge_with_the_prompt_is_encoded_apart() -> None:
    glued = inputs(
        template=Template(prompt="{prompt}", answer="{answer}"), data=examples(("an", "n")), tokenizer=build.tokenizer()
    )
    tokens = glued.tokens("train", np.array([0]))
    _, column, label = tokens.targets
    assert glued.decode(label) == "n"
    assert glued.decode(tokens.ids[0, : column[0] + 1]) == "an"


def test_numbers_of_tokens_of_each_example() -> None:
    given = inputs()
    assert given.lengths("train").tolist() == [9, 7]
    assert given.answer_lengths("train").tolist() == [3, 2]
    assert given.answer_lengths("train").sum() == len(given.tokens("train", np.array([0, 1])).targets[0])


def test_other_texts_are_encoded_in_the_same_form() -> None:
    given = inputs()
    known, other = given.tokens("train", np.array([0, 1])), given.encode(PAIRS.prompts, PAIRS.answers)
    assert known.ids.equal(other.ids)
    assert known.labels.equal(other.labels)
    asked = given.encode_prompts(PAIRS.prompts)
    assert asked.ids.tolist() == [[2, 3, 5, 10, 4, 3], [2, 3, 6, 4, 3, 1]]
    assert (asked.labels == IGNORED).all()


def test_no_example_gives_no_tokens() -> None:
    nothing = inputs().tokens("train", np.empty(0, np.int64))
    assert nothing.ids.shape == (0, 0)
    assert [len(part) for part in nothing.targets] == [0, 0, 0]


def test_an_answer_too_long_is_refused_with_its_id() -> None:
    with refuses(DataError, "example '0' has 6 tokens of prompt and 3 of answer, together 9; allowed are 8", "truncate=true"):
        inputs(max_length=8).tokens("train", np.array([1]))


def test_or_it_is_cut() -> None:
    tokens = inputs(max_length=8, truncate=True).tokens("train", np.array([0]))
    assert tokens.labels[0].tolist() == [IGNORED] * 6 + [7, 9]


def test_a_prompt_too_long_is_refused_even_then() -> None:
    with refuses(DataError, "prompt of example '0' has 6 tokens and leaves no room for an answer in 6"):
        inputs(max_length=6, truncate=True).tokens("train", np.array([0]))


def test_a_chat_is_asked_through_the_tokenizers_template() -> None:
    tokenizer = words()
    tokenizer.chat_template = (
        "{% for m in messages %}Q : {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}A :{% endif %}"
    )
    tokens = inputs(tokenizer=tokenizer, template=Template(chat=True)).tokens("train", np.array([1]))
    assert tokens.ids.tolist() == [[2, 3, 6, 4, 3, 8, 1]]
    assert tokens.labels.tolist() == [[IGNORED] * 5 + [8, 1]]
    said = inputs(tokenizer=tokenizer, template=Template(chat=True, system="here")).tokens("train", np.array([1]))
    assert said.ids[0, :4].tolist() == [2, 3, 8, 2]


def test_a_chat_without_a_template_is_refused() -> None:
    with refuses(DataError, "no chat template"):
        inputs(template=Template(chat=True)).tokens("train", np.array([0]))


def test_a_template_holds_its_place_once() -> None:
    with pytest.raises(ValueError, match="exactly once"):
        Template(prompt="Question:")
    assert Template(prompt="{prompt} {x}").asked("{a}") == "{a} {x}"  # other braces are text


def test_the_digest_covers_data_tokenizer_and_form() -> None:
    given = [
        inputs(),
        inputs(tokenizer=words(begin=True)),
        inputs(max_length=16),
        inputs(template=Template()),
        inputs(PAIRS.taken(np.array([0]))),
    ]
    assert len({one.digest for one in given}) == len(given)
    assert inputs().digest == given[0].digest


def test_the_tokenizers_digest_forgets_how_it_was_called() -> None:
    tokenizer = words(pad=True)
    before = tokenizer_digest(tokenizer)
    tokenizer(["who", "who ann"], padding=True, truncation=True, max_length=2)
    assert tokenizer_digest(tokenizer) == before


def test_tokens_move_as_a_whole() -> None:
    moved = inputs().tokens("train", np.array([0])).to("meta")
    assert isinstance(moved, Tokens)
    assert {table.device.type for table in (moved.ids, moved.mask, moved.labels)} == {"meta"}
