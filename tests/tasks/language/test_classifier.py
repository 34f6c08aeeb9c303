"""Text classifiers in the pipeline of images: the same numbers through every cut, masks, files, training."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    RobertaConfig,
)

from lorasteer.errors import DataError, PlanError, StoreError, WeightsError
from lorasteer.tasks.activations import Memory
from lorasteer.tasks.base import save_base
from lorasteer.tasks.language.classifier import (
    TextClassifierBase,
    adopt_text_classifier,
    labelled_inputs_for,
    load_text_classifier,
    train_text_classifier,
)
from lorasteer.tasks.language.classifier_models import TEXT_CLASSIFIERS, classifier_recipe_for
from lorasteer.tasks.language.labelled import PADDING, LabelledData, LabelledInputs, LabelledText, load_labelled
from lorasteer.tasks.language.models.llama import byte_level_bpe
from lorasteer.tasks.modules import adaptable, classifier_head
from lorasteer.tasks.prefix import replay
from lorasteer.tasks.training import FitSettings
from tests.support.errors import refuses

CLASSES = ("good", "bad", "odd")
TELLING = (("fine", "nice"), ("poor", "ugly"), ("green", "square"))
FILL = ("the", "film", "was", "a", "story", "and")
SMALL: dict[str, Any] = {"vocab_size": 300, "num_labels": 3}
FAMILIES: dict[str, Callable[[], Any]] = {
    "bert": lambda: BertConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, max_position_embeddings=32, **SMALL
    ),
    "distilbert": lambda: DistilBertConfig(dim=32, n_layers=3, n_heads=4, hidden_dim=48, max_position_embeddings=32, **SMALL),
    "roberta": lambda: RobertaConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, max_position_embeddings=40, **SMALL
    ),
    "llama": lambda: LlamaConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, max_position_embeddings=32, **SMALL
    ),
    "gpt2": lambda: GPT2Config(
        n_embd=32, n_layer=3, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2, **SMALL
    ),
}  # fmt: skip


def sentences(n: int, part: str) -> LabelledText:
    generator = np.random.default_rng(len(part))
    labels = generator.integers(0, 3, n)
    texts = []
    for label in labels:
        told = [*generator.choice(FILL, generator.integers(1, 5)), generator.choice(TELLING[label])]
        texts.append(" ".join([*told, *generator.choice(FILL, generator.integers(0, 3))]))
    return LabelledText(tuple(texts), labels.astype(np.int64), np.array([f"{part}/{row:05d}" for row in range(n)]))


@cache
def data() -> LabelledData:
    return LabelledData("made", CLASSES, sentences(240, "train"), sentences(60, "test"))


@cache
def tokenizer() -> Any:
    return byte_level_bpe(data().train.texts, 300, 32)


@cache
def base(family: str) -> TextClassifierBase:
    return adopt_text_classifier(network(family), data(), tokenizer=tokenizer())


def network(family: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = AutoModelForSequenceClassification.from_config(FAMILIES[family]())  # type: ignore[no-untyped-call]
    return model.eval()


@cache
def trained() -> TextClassifierBase:
    settings = FitSettings(epochs=6, batch_size=16, learning_rate=3e-3, schedule="one-cycle")
    return train_text_classifier(data(), settings, seed=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_table_of_ids_says_what_ids_and_mask_say(family: str) -> None:
    ids = labelled_inputs_for(base(family), data()).batch("train", np.arange(6))
    model: Any = base(family).model
    with torch.no_grad():
        real = ids >= 0
        wanted = model.network(input_ids=ids.masked_fill(~real, model.pad_id), attention_mask=real.long()).logits
        assert torch.allclose(model(ids), wanted, rtol=1e-5, atol=1e-6)
        for row in range(6):  # padding changes nothing
            assert torch.allclose(model(ids[row : row + 1, : int(real[row].sum())])[0], wanted[row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_alone_is_run_on_what_is_remembered(family: str) -> None:
    memory = Memory(base(family), labelled_inputs_for(base(family), data()))
    same_through(memory, classifier_head(base(family).model), least=0.9)


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_the_first_blocks_of_an_encoder_are_run_once(family: str) -> None:
    memory = Memory(base(family), labelled_inputs_for(base(family), data()))
    last = [name for name in adaptable(base(family).model) if ".2." in name]
    same_through(memory, last, least=0.5)


def same_through(memory: Memory, layers: Any, least: float) -> None:
    activations, index = memory.before(layers), np.array([5, 0, 77, 3])
    assert activations.cut.saved > least
    with torch.no_grad(), replay(memory.base.view(), activations.cut, activations.shape) as run:
        given = run(activations.rows("train", index))
        wanted = memory.base.model(memory.inputs.batch("train", index))
    assert torch.allclose(given, wanted, rtol=1e-5, atol=1e-5)


def test_all_examples_have_one_length() -> None:
    inputs = labelled_inputs_for(base("bert"), data())
    train, test = (inputs.batch(part, np.arange(9)) for part in ("train", "test"))  # type: ignore[arg-type]
    assert train.shape == test.shape
    assert (train == PADDING).any()
    assert inputs.labels("train", np.arange(3)).tolist() == data().train.labels[:3].tolist()


def test_texts_too_long_are_refused_or_cut() -> None:
    given = LabelledInputs(data(), tokenizer(), 4)
    with refuses(DataError, "tokens; allowed are 4", "truncate=true"):
        given.batch("train", np.arange(2))
    assert LabelledInputs(data(), tokenizer(), 4, truncate=True).batch("train", np.arange(2)).shape == (2, 4)


def test_trained_it_tells_the_classes_apart_and_the_same_seed_gives_the_same() -> None:
    inputs = labelled_inputs_for(trained(), data())
    with torch.no_grad():
        said = trained().model(inputs.batch("test", np.arange(60))).argmax(1)
    assert (said == inputs.labels("test", np.arange(60))).float().mean() > 0.9
    again = train_text_classifier(data(), trained().record.fit or FitSettings(), seed=1)
    assert again.digest == trained().digest


def test_saved_and_loaded(tmp_path: Path) -> None:
    with refuses(StoreError, "base.json is missing"):
        load_text_classifier(tmp_path)
    save_base(trained(), tmp_path)
    loaded = load_text_classifier(tmp_path)
    assert loaded.record == trained().record
    assert loaded.record.classes == CLASSES
    assert labelled_inputs_for(loaded, data()).digest == labelled_inputs_for(trained(), data()).digest
    (tmp_path / "tokenizer.json").write_text((tmp_path / "tokenizer.json").read_text().replace('"</s>"', '"</t>"'))
    with refuses(WeightsError, "not those that base.json describes"):
        load_text_classifier(tmp_path)


def test_a_folder_of_transformers(tmp_path: Path) -> None:
    network("distilbert").save_pretrained(tmp_path)  # type: ignore[operator]
    with refuses(WeightsError, "tokenizer"):
        adopt_text_classifier(str(tmp_path), data())
    tokenizer().save_pretrained(tmp_path)
    adopted = adopt_text_classifier(str(tmp_path), data())
    ids = labelled_inputs_for(adopted, data()).batch("train", np.arange(3))
    with torch.no_grad():
        assert torch.allclose(adopted.model(ids), base("distilbert").model(ids), atol=1e-6)
    two = LabelledData("two", ("a", "b"), sentences(0, "train"), sentences(0, "test"))
    with refuses(PlanError, "has 3 classes, the data has 2", "new_head=true"):
        adopt_text_classifier(str(tmp_path), two)
    assert adopt_text_classifier(str(tmp_path), two, options={"new_head": True}).record.classes == ("a", "b")
    assert classifier_recipe_for(str(tmp_path)) == TEXT_CLASSIFIERS["hub"]["recipe"]


def test_refusals() -> None:
    with refuses(PlanError, "without its tokenizer"):
        adopt_text_classifier(network("bert"), data())
    with refuses(WeightsError, "nobody/nothing", "tokenizer.json"):
        adopt_text_classifier("nobody/nothing", data())
    with refuses(PlanError, "unknown text classifier 'bert-tny'", "bert-tiny"):
        train_text_classifier(data(), FitSettings(), model="bert-tny")
    other = LabelledData("x", ("a", "b", "c"), data().train, data().test)
    with refuses(DataError, "use the data set the model was trained on"):
        labelled_inputs_for(trained(), other)


@pytest.mark.parametrize("name", ["mine.tsv", "mine.csv", "mine.jsonl"])
def test_labelled_files(tmp_path: Path, name: str) -> None:
    rows = [("nice film", "good", 3), ("ugly, poor", "bad", 1), ("fine", "good", 2), ("poor", "bad", 5)]
    if name.endswith("jsonl"):
        import json

        text = "\n".join(json.dumps({"text": a, "label": b, "stars": c}) for a, b, c in rows)
    else:
        between = "\t" if name.endswith("tsv") else ","
        quoted = [(f'"{a}"' if "," in a and between == "," else a, b, str(c)) for a, b, c in rows]
        text = "\n".join(between.join(row) for row in [("sentence", "label", "stars"), *quoted])
    (tmp_path / name).write_text(text)
    read = load_labelled(str(tmp_path / name), test_share=0.5)
    assert read.classes == ("bad", "good")
    assert (len(read.train), len(read.test)) == (2, 2)
    whole = {**dict(zip(read.train.texts, read.train.attributes["stars"], strict=True))}
    whole |= dict(zip(read.test.texts, read.test.attributes["stars"], strict=True))
    assert whole == {"nice film": 3, "ugly, poor": 1, "fine": 2, "poor": 5}
    assert set(read.columns("train")) == {"stars", "class", "id", "text"}


def test_broken_labelled_files(tmp_path: Path) -> None:
    with refuses(DataError, "no labelled text at"):
        load_labelled(str(tmp_path))
    (tmp_path / "train.tsv").write_text("text\tlabel\na\tb\tc\n")
    with refuses(DataError, "line 2 of", "has 3 columns; allowed are 2"):
        load_labelled(str(tmp_path))
    (tmp_path / "train.tsv").write_text("text\tlabel\na\t\n")
    with refuses(DataError, "without 'label'"):
        load_labelled(str(tmp_path))


@pytest.mark.realdata
def test_sentiment_of_sst2(shared_data: Path) -> None:
    read = load_labelled(str(shared_data / "sst2"))
    assert (len(read.train), len(read.test), read.classes) == (6920, 1821, ("0", "1"))
    index = np.arange(0, 6920, 4)
    some = LabelledText(tuple(read.train.texts[row] for row in index), read.train.labels[index], read.train.ids[index])
    few = LabelledData(read.name, read.classes, some, read.test)
    settings = classifier_recipe_for("bert-tiny").model_copy(update={"epochs": 2})
    model = train_text_classifier(few, settings)
    inputs = labelled_inputs_for(model, few)
    with torch.no_grad():
        said = model.model(inputs.batch("test", np.arange(1821))).argmax(1)
    assert (said == inputs.labels("test", np.arange(1821))).float().mean() > 0.6
