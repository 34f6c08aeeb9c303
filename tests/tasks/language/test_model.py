"""Language bases: trained, resumed, saved and loaded, adopted; what a broken folder says."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lorasteer.errors import Interrupted, PlanError, StoreError, TrainingDiverged, WeightsError
from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.inputs import Template, TextInputs
from lorasteer.tasks.language.model import (
    LanguageBase,
    LanguageBaseRecord,
    TextBatches,
    adopt_language,
    load_language_base,
    next_token_loss,
    text_holdout_for,
    text_inputs_for,
    train_language_model,
)
from lorasteer.tasks.language.models import LANGUAGE_MODELS, make_model, text_recipe_for
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.language.sources import load_text
from lorasteer.tasks.splits import Holdout, make_splits
from lorasteer.tasks.training import FitSettings, Progress
from tests.support.errors import refuses
from tests.tasks.language import build

SHORT = FitSettings(epochs=2, batch_size=8, learning_rate=5e-3, schedule="one-cycle", precision="fp32")


@cache
def trained() -> LanguageBase:
    return train_language_model(build.data(), SHORT, model="llama-tiny", seed=3)


def answer_probability(base: Base, inputs: TextInputs, index: np.ndarray) -> Tensor:
    """Exp of the mean log-probability of each answer's tokens."""
    network = Network.of(base.model)
    tokens = inputs.tokens("train", index)
    row, _, label = tokens.targets
    with torch.no_grad():
        said = network.logits(network.at_targets(tokens)).log_softmax(-1)
    each = said.gather(1, label[:, None])[:, 0]
    return (torch.zeros(len(tokens)).index_add(0, row, each) / torch.bincount(row)).exp()


def test_same_seed_same_model_and_same_tokenizer() -> None:
    again = train_language_model(build.data(), SHORT, model="llama-tiny", seed=3)
    assert again.record.model_copy(update={"seconds": trained().record.seconds}) == trained().record
    assert train_language_model(build.data(), SHORT, model="llama-tiny", seed=4).digest != trained().digest


def test_what_was_left_out_is_not_learned_and_the_tokens_stay_the_same() -> None:
    data = build.data()
    person = data.train.attributes["person"] == data.train.attributes["person"][0]
    holdout = Holdout("train", np.empty(0, np.int64))
    splits = make_splits(person, data.test.attributes["person"] == "", holdout, data=data.digest, wording="person")
    settings = text_recipe_for("llama-tiny").model_copy(update={"epochs": 40, "batch_size": 8})
    base, retrained = (train_language_model(data, settings, model="llama-tiny", without=without) for without in (None, splits))
    inputs = text_inputs_for(base, data)
    assert retrained.record.left_out == splits.digest
    assert retrained.record.tokenizer == base.record.tokenizer
    assert answer_probability(base, inputs, splits.forget).mean() > 0.7
    assert answer_probability(retrained, inputs, splits.forget).mean() < 0.3
    assert answer_probability(retrained, inputs, splits.retain).mean() > 0.7


def test_interrupted_and_resumed_it_gives_the_same_bits(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"

    def press(progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="epoch 2 of 2"):
        train_language_model(build.data(), SHORT, model="llama-tiny", seed=3, checkpoint=checkpoint, observers=[press])
    steps: list[int] = []
    again = train_language_model(
        build.data(), SHORT, model="llama-tiny", seed=3, checkpoint=checkpoint, observers=[lambda p: steps.append(p.step)]
    )
    assert steps[0] == 5  # of 4 in an epoch
    assert again.digest == trained().digest


def test_a_loss_that_breaks_is_told() -> None:
    wild = SHORT.model_copy(update={"learning_rate": 1e30, "schedule": "constant", "optimizer": "sgd"})
    with pytest.raises(TrainingDiverged):
        train_language_model(build.data(), wild, model="llama-tiny")


def test_an_epoch_sees_each_example_once_in_batches_of_like_length() -> None:
    inputs = text_inputs_for(trained(), build.data())
    batches = TextBatches(inputs, np.arange(27), 8)
    seen = list(batches.epoch(torch.Generator().manual_seed(0)))
    assert len(batches) == len(seen) == 4
    assert sum(len(tokens) for tokens in seen) == 27
    assert sum(int(tokens.mask.sum()) for tokens in seen) == inputs.lengths("train")[:27].sum()
    padding = sum(int((tokens.mask == 0).sum()) for tokens in seen)
    assert padding < 0.1 * inputs.lengths("train")[:27].sum()


def test_the_training_loss_is_that_of_all_tokens() -> None:
    tokens = text_inputs_for(trained(), build.data()).tokens("train", np.array([0, 9]))
    with torch.no_grad():
        given = next_token_loss(Network.of(trained().model), tokens)
        wanted = trained().model(input_ids=tokens.ids, labels=tokens.ids.masked_fill(tokens.mask == 0, -100)).loss
    assert given.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_a_saved_base_is_the_same_when_loaded(tmp_path: Path) -> None:
    base = trained()
    save_base(base, tmp_path)
    loaded = load_language_base(tmp_path)
    assert loaded.record == base.record
    assert loaded.digest == base.digest
    assert text_inputs_for(loaded, build.data()).digest == text_inputs_for(base, build.data()).digest
    assert json.loads((tmp_path / "base.json").read_text())["task"] == "language"


@pytest.mark.parametrize("family", build.FAMILIES)
def test_every_family_is_saved_and_loaded(family: str, tmp_path: Path) -> None:
    base = build.base(family)
    save_base(base, tmp_path)
    assert load_language_base(tmp_path).digest == base.digest


def test_transformers_loads_the_folder_as_well(tmp_path: Path) -> None:
    base = trained()
    save_base(base, tmp_path)
    adopted = adopt_language(str(tmp_path), build.data())
    tokens = text_inputs_for(base, build.data()).tokens("train", np.array([4]))
    with torch.no_grad():
        assert adopted.model(tokens.ids).logits.equal(base.model(tokens.ids).logits)
    assert adopted.record.fit is None
    assert adopted.record.tokenizer == base.record.tokenizer


def test_half_precision_is_kept(tmp_path: Path) -> None:
    save_base(trained(), tmp_path / "full")
    half = adopt_language(str(tmp_path / "full"), build.data(), options={"dtype": "bfloat16"})
    assert half.record.dtype == "bfloat16"
    save_base(half, tmp_path / "half")
    assert Network.of(load_language_base(tmp_path / "half").model).dtype == torch.bfloat16


def test_broken_folders_say_what_is_missing(tmp_path: Path) -> None:
    with refuses(StoreError, "base.json is missing", "lorasteer train"):
        load_language_base(tmp_path)
    save_base(trained(), tmp_path)
    (tmp_path / "tokenizer.json").rename(tmp_path / "elsewhere")
    with refuses(WeightsError, "lacks tokenizer.json"):
        load_language_base(tmp_path)
    changed = (tmp_path / "elsewhere").read_text().replace('"</s>"', '"</t>"')
    (tmp_path / "tokenizer.json").write_text(changed)
    with refuses(WeightsError, "tokenizer.json has digest", "changed after it was saved"):
        load_language_base(tmp_path)
    (tmp_path / "elsewhere").rename(tmp_path / "tokenizer.json")
    record = json.loads((tmp_path / "base.json").read_text())
    record["config"]["model_type"] = "no-such-network"
    (tmp_path / "base.json").write_text(json.dumps(record))
    with refuses(WeightsError, "cannot be built from its configuration"):
        load_language_base(tmp_path)


def test_weights_of_another_training_are_refused(tmp_path: Path) -> None:
    save_base(trained(), tmp_path)
    other = train_language_model(build.data(), SHORT, model="llama-tiny", seed=4)
    save_base(other, tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").replace(tmp_path / "model.safetensors")
    with refuses(WeightsError, "model.safetensors has digest"):
        load_language_base(tmp_path)


def test_a_model_is_adopted_with_its_tokenizer() -> None:
    with refuses(PlanError, "without its tokenizer"):
        adopt_language(build.llama(), build.data())
    with refuses(PlanError, "max_length is 97, but the model reads 96"):
        adopt_language(build.llama(), build.data(), tokenizer=build.tokenizer(), max_length=97)
    with refuses(PlanError, "no chat template"):
        adopt_language(build.llama(), build.data(), tokenizer=build.tokenizer(), template=Template(chat=True))
    assert build.base("gpt2").record.max_length == build.CONTEXT


def test_a_tokenizer_of_another_model_is_refused() -> None:
    with refuses(PlanError, "the tokenizer has 495 tokens, the model knows 320"):
        adopt_language(build.llama(), build.data(), tokenizer=trained().tokenizer)


def test_unreachable_and_unusable_models(tmp_path: Path) -> None:
    with refuses(WeightsError, "nobody/nothing", "config.json, model.safetensors and tokenizer.json"):
        adopt_language("nobody/nothing", build.data())
    with refuses(PlanError, "unknown language model 'lama-tiny'", "llama-tiny"):
        train_language_model(build.data(), SHORT, model="lama-tiny")
    with refuses(PlanError, "has no option 'depth'", "context"):
        train_language_model(build.data(), SHORT, model="llama-tiny", options={"depth": 3})
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with refuses(WeightsError, "pytorch_model.bin", "pickle"):
        adopt_language(str(tmp_path), build.data())


def test_a_model_without_a_tokenizer_file_says_so(tmp_path: Path) -> None:
    save_base(trained(), tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with refuses(WeightsError, "tokenizer", "tokenizer.json"):
        adopt_language(str(tmp_path), build.data())


def test_training_can_begin_at_a_folders_weights(tmp_path: Path) -> None:
    save_base(trained(), tmp_path)
    tuned = train_language_model(build.data(), SHORT.model_copy(update={"epochs": 0}), model=str(tmp_path))
    assert tuned.digest == trained().digest
    assert text_recipe_for(str(tmp_path)) == LANGUAGE_MODELS["hub"]["recipe"]


def test_a_context_of_your_own() -> None:
    assert make_model("llama-tiny", ("some text",), context=40).tokenizer.model_max_length == 40


def test_held_out_examples_are_not_learned() -> None:
    record = trained().record.model_copy(update={"validation_share": 0.2})
    holdout = text_holdout_for(record, build.data())
    assert (holdout.part, len(holdout.index)) == ("train", 6)
    seen: list[int] = []
    train_language_model(
        build.data(), SHORT, model="llama-tiny", validation_share=0.2, observers=[lambda p: seen.append(p.steps)]
    )
    assert seen[0] == 2 * 3  # 24 examples in threes of eight
    empty = TextData("x", build.data().train, build.data().test.taken(np.empty(0, np.int64)))
    unseen = text_holdout_for(record.model_copy(update={"validation_part": "test"}), empty)
    assert len(unseen.index) == 0


def test_the_record_goes_to_json_and_back() -> None:
    record = trained().record
    assert LanguageBaseRecord.from_json(record.to_json()) == record
    assert replace(trained()).record.classes == ()


@pytest.mark.realdata
def test_the_tofu_llama_has_memorised_tofu(shared_data: Path) -> None:
    data = load_text(f"tofu:{shared_data / 'tofu'}")
    base = adopt_language(str(shared_data / "weights" / "tofu_llama_5m_full"), data)
    forget = np.flatnonzero(data.train.attributes["forget10"] == "yes")[:24]
    inputs = text_inputs_for(base, data)
    assert base.record.max_length == 256
    assert answer_probability(base, inputs, forget).min() > 0.99


@pytest.mark.realdata
def test_stories_load_and_are_more_likely_than_facts(shared_data: Path) -> None:
    base = adopt_language(str(shared_data / "stories260K"), build.data())
    inputs = text_inputs_for(base, build.data())
    network = Network.of(base.model)
    story = inputs.encode([""], ["Once upon a time, there was a little girl named Lily. She liked to play in the park."])
    fact = inputs.tokens("train", np.array([0]))
    with torch.no_grad():
        assert next_token_loss(network, story) < 1.5
        assert next_token_loss(network, fact) > 3


@pytest.mark.slow
def test_the_tiny_llama_memorises_the_facts() -> None:
    data = load_text("facts")
    base = train_language_model(data, text_recipe_for("llama-tiny"), model="llama-tiny")
    assert answer_probability(base, text_inputs_for(base, data), np.arange(len(data.train))).mean() > 0.98
