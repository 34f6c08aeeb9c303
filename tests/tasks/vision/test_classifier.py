"""Image classifiers as bases: trained, retrained without the forget set, saved, loaded, refused where they do not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lorasteer.errors import DataError, Interrupted, StoreError, TrainingDiverged, UserError, WeightsError
from lorasteer.tasks.base import save_base, weights_digest
from lorasteer.tasks.splits import Index, Part
from lorasteer.tasks.training import FitSettings, Progress
from lorasteer.tasks.vision.classifier import (
    ImageBatches,
    ImageInputs,
    adopt,
    holdout_for,
    inputs_for,
    load_base,
    train_classifier,
)
from lorasteer.tasks.vision.data import Examples, ImageData
from lorasteer.tasks.vision.models import build_model
from tests.support.errors import refuses
from tests.support.images import image_data
from tests.support.toy import RECIPE, answers, toy_base, toy_data, whole_class

QUICK = FitSettings(epochs=2, batch_size=64, precision="fp32")


def test_same_seed_same_bits_other_seed_other_bits() -> None:
    first, second, other = (train_classifier(toy_data(), "mlp", QUICK, seed=seed) for seed in (1, 1, 2))
    assert first.digest == second.digest == first.record.weights
    assert other.digest != first.digest
    assert first.record.model_copy(update={"seconds": 0.0}) == second.record.model_copy(update={"seconds": 0.0})


def test_the_record_says_where_the_base_comes_from() -> None:
    record = toy_base().record
    assert (record.model, record.data, record.data_digest) == ("paper-cnn", "digits", toy_data().digest)
    assert (record.fit, record.left_out, record.validation_part) == (RECIPE, "", "train")
    assert record.classes == tuple("0123456789")
    assert record.seconds > 0


def test_saved_and_loaded_is_the_same_model(tmp_path: Path) -> None:
    back = load_base(save_base(toy_base(), tmp_path / "base"))
    assert back.digest == toy_base().digest
    assert back.record == toy_base().record
    assert answers(back.model).equal(answers(toy_base().model))
    assert not any(module.training for module in back.model.modules())


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    folder = save_base(toy_base(), tmp_path / "base")
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with refuses(WeightsError, "model.safetensors has digest", "base.json says"):
        load_base(folder)
    path.write_bytes(content[:-10])
    with refuses(WeightsError, "model.safetensors"):
        load_base(folder)
    path.unlink()
    with refuses(WeightsError, "model.safetensors"):
        load_base(folder)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = save_base(toy_base(), tmp_path / "base")
    torch.save(toy_base().model.state_dict(), folder / "model.safetensors")
    with refuses(WeightsError, "pickle"):
        load_base(folder)


def test_a_folder_without_a_base_and_a_damaged_record_are_refused(tmp_path: Path) -> None:
    with refuses(StoreError, "no base model in", "lorasteer train"):
        load_base(tmp_path)
    folder = save_base(toy_base(), tmp_path / "base")
    content = json.loads((folder / "base.json").read_text())
    (folder / "base.json").write_text(json.dumps({**content, "classes": "two"}))
    with pytest.raises(UserError, match="not a ImageBaseRecord: classes: "):
        load_base(folder)


def test_other_images_or_classes_are_refused() -> None:
    with refuses(DataError, "images are (1, 4, 4)", "the model reads (1, 8, 8)"):
        inputs_for(toy_base(), image_data())
    renamed = replace(toy_data(), classes=tuple("abcdefghij"))
    with refuses(DataError, "the data has classes ['a', 'b'", "the model knows ['0', '1'"):
        inputs_for(toy_base(), renamed)


class Watching(ImageInputs):
    """Notes every training example that is asked for."""

    seen: set[int] = set()

    def batch(self, part: Part, index: Index) -> torch.Tensor:
        self.seen.update(index.tolist())
        return super().batch(part, index)


def test_a_retrained_model_never_sees_the_forget_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorasteer.tasks.vision.classifier.ImageInputs", Watching)
    splits = whole_class()
    Watching.seen.clear()
    retrained = train_classifier(toy_data(), "paper-cnn", RECIPE, seed=0, without=splits)
    assert Watching.seen
    assert Watching.seen <= set(splits.retain.tolist())
    assert not Watching.seen & set(splits.forget.tolist())
    assert not Watching.seen & set(splits.validation.index.tolist())
    assert retrained.digest != toy_base().digest
    assert retrained.record.left_out == splits.digest
    Watching.seen.clear()
    train_classifier(toy_data(), "mlp", QUICK, seed=0)
    assert set(splits.forget.tolist()) <= Watching.seen
    assert not Watching.seen & set(holdout_for(toy_base().record, toy_data()).index.tolist())


def test_a_held_out_set_is_one_and_the_same_for_every_seed() -> None:
    record = toy_base().record
    other = record.model_copy(update={"seed": 9})
    assert np.array_equal(holdout_for(record, toy_data()).index, holdout_for(other, toy_data()).index)
    of_test = holdout_for(record.model_copy(update={"validation_part": "test"}), toy_data())
    assert of_test.part == "test"
    assert of_test.index.max() < len(toy_data().test)


def test_a_batch_that_is_not_full_is_left_out_and_each_example_seen_once() -> None:
    batches = ImageBatches(inputs_for(toy_base(), toy_data()), np.arange(200), QUICK)
    assert len(batches) == 3
    sizes = [len(labels) for _, labels in batches.epoch(torch.Generator().manual_seed(0))]
    assert sizes == [64, 64, 64]
    few = ImageBatches(batches.inputs, np.arange(5), QUICK)
    assert [len(labels) for _, labels in few.epoch(torch.Generator().manual_seed(0))] == [5]


def test_interrupted_in_an_epoch_and_resumed_gives_the_same_model(tmp_path: Path) -> None:
    def press(progress: Progress) -> None:
        if progress.step == 20:
            raise KeyboardInterrupt

    settings, path = QUICK.model_copy(update={"optimizer": "sgd", "augmentation": "crop"}), tmp_path / "checkpoint.safetensors"
    whole = train_classifier(toy_data(), "mlp", settings, seed=3)
    with pytest.raises(Interrupted):
        train_classifier(toy_data(), "mlp", settings, seed=3, observers=[press], checkpoint=path)
    assert path.is_file()
    resumed = train_classifier(toy_data(), "mlp", settings, seed=3, checkpoint=path)
    assert resumed.digest == whole.digest


def test_a_checkpoint_of_other_examples_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    train_classifier(toy_data(), "mlp", QUICK, seed=3, checkpoint=path)
    alone = train_classifier(toy_data(), "mlp", QUICK, seed=3, without=whole_class())
    assert train_classifier(toy_data(), "mlp", QUICK, seed=3, without=whole_class(), checkpoint=path).digest == alone.digest


def test_a_training_that_diverges_says_so() -> None:
    hot = QUICK.model_copy(update={"optimizer": "sgd", "learning_rate": 1e30})
    with refuses(TrainingDiverged, "is not finite at step", "Lower the learning rate"):
        train_classifier(toy_data(), "mlp", hot, seed=0)


def test_a_model_trained_elsewhere_is_adopted_frozen_with_a_share_of_test_set_aside() -> None:
    model = build_model("mlp", 10, (1, 8, 8))
    base = adopt(model, toy_data(), name="mlp")
    assert (base.record.fit, base.record.validation_part, base.record.validation_share) == (None, "test", 0.2)
    assert base.record.weights == base.digest == weights_digest(model)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert len(holdout_for(base.record, toy_data()).index) == pytest.approx(0.2 * len(toy_data().test), abs=5)


def test_the_inputs_digest_follows_data_and_preprocessing() -> None:
    inputs = inputs_for(toy_base(), toy_data())
    images = toy_data().test.images.copy()
    images[0, 0, 0, 0] ^= 1
    changed = ImageData("digits", toy_data().classes, toy_data().train, examples(toy_data().test, images))
    other = inputs.preprocess.model_copy(update={"mean": (0.5,)})
    assert len({inputs.digest, ImageInputs(changed, inputs.preprocess).digest, ImageInputs(toy_data(), other).digest}) == 3


def examples(part: Examples, images: np.ndarray) -> Examples:
    return replace(part, images=images)
