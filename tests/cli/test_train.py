"""A base is trained by its recipe and by what is set, or taken as it is."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from lorasteer.tasks.vision.classifier import load_base
from tests.cli.conftest import Run
from tests.support.digits import small_base
from tests.support.models import save_tiny_vit

QUICK = ("train", "digits", "--model", "mlp", "--epochs", "1")


def test_the_recipe_and_what_is_set(run: Run, tmp_path: Path) -> None:
    words = (
        "--set",
        "weight_decay=0.01",
        "--option",
        "width=16",
        "--seed",
        "3",
        "--validation",
        "0.2",
        "--out",
        tmp_path / "base",
    )
    done = run(*QUICK, *words)
    assert "Accuracy on 539 test examples" in done.out
    assert "--forget 9" in done.out
    record = load_base(tmp_path / "base").record
    assert record.fit is not None
    assert (record.fit.epochs, record.fit.weight_decay, record.fit.schedule, record.fit.batch_size) == (1, 0.01, "one-cycle", 32)
    assert (record.seed, record.options, record.validation_share) == (3, {"width": 16}, 0.2)
    assert sorted(path.name for path in (tmp_path / "base").iterdir()) == ["base.json", "model.safetensors"]


def test_json(run: Run, tmp_path: Path) -> None:
    found = run(*QUICK, "--out", tmp_path / "base", "--json").json
    assert 0 < found["test_accuracy"] <= 1
    assert found["base"]["weights"] == load_base(tmp_path / "base").digest


def test_a_base_is_replaced_only_when_asked(run: Run, tmp_path: Path) -> None:
    run(*QUICK, "--out", tmp_path / "base")
    first = load_base(tmp_path / "base").digest
    run(*QUICK, "--seed", "5", "--out", tmp_path / "base").refused("holds a result already", "--overwrite")
    assert load_base(tmp_path / "base").digest == first
    assert run(*QUICK, "--seed", "5", "--out", tmp_path / "base", "--overwrite").code == 0
    assert load_base(tmp_path / "base").digest != first


def test_refusals(run: Run, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "base")
    run(*QUICK, "--set", "speed=3", *out).refused("no setting 'speed'", "epochs")
    run(*QUICK, "--set", "epochs=-1", *out).refused("epochs", "got -1")
    run(*QUICK, "--augmentation", "blur", *out).refused("unknown augmentation 'blur'", "flip-crop")
    run(*QUICK, "--option", "depth=3", *out).refused("no option 'depth'")
    run("train", "digist", *out).refused("digist", "Did you mean 'digits'?")
    run("train", "digits", "--model", "mpl", *out).refused("Did you mean 'mlp'?")
    run("train", "digits", "--model", "resnet20", *out, "--weights", "w.safetensors").refused("--as-is")
    assert not (tmp_path / "base").exists()


def test_a_training_that_diverges(run: Run, tmp_path: Path) -> None:
    words = ("--learning-rate", "1e30", "--set", "optimizer=sgd", "--set", "schedule=constant", "--out", tmp_path / "base")
    run(*QUICK, *words).refused("loss is not finite", "Lower the learning rate")


def test_an_unwritable_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run(*QUICK, "--out", tmp_path / "file" / "base").refused("cannot write into", "--out")


def test_a_model_taken_as_it_is(run: Run, tmp_path: Path) -> None:
    save_file(small_base().model.state_dict(), tmp_path / "weights.safetensors")
    words = (
        "train",
        "digits",
        "--model",
        "mlp",
        "--as-is",
        "--weights",
        tmp_path / "weights.safetensors",
        "--out",
        tmp_path / "base",
    )
    assert "nothing trained" in run(*words).out
    taken = load_base(tmp_path / "base")
    assert taken.digest == small_base().digest
    assert (taken.record.fit, taken.record.validation_part) == (None, "test")
    run("retrain", tmp_path / "base", "--forget", "7", "--out", tmp_path / "again").refused("no recipe to retrain it by")


def test_a_folder_of_transformers(run: Run, tmp_path: Path) -> None:
    vit = save_tiny_vit(tmp_path / "vit", classes=10, mean=0.5)
    found = run("train", "digits", "--model", vit, "--as-is", "--out", tmp_path / "base", "--json").json
    assert found["base"]["preprocess"] == {"mean": [0.5], "std": [0.25]}
    done = run("unlearn", tmp_path / "base", "--forget", "7", "--method", "logit-mask", "--json").json
    assert done["iteration"]["plan"]["method"] == "logit-mask"


def test_pickled_and_truncated_weights(run: Run, tmp_path: Path) -> None:
    torch.save(small_base().model.state_dict(), tmp_path / "weights.pt")
    words = ("train", "digits", "--model", "mlp", "--as-is", "--out", tmp_path / "base", "--weights")
    run(*words, tmp_path / "weights.pt").refused("pickle", "safetensors")
    save_file(small_base().model.state_dict(), tmp_path / "whole.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "whole.safetensors").read_bytes()[:500])
    run(*words, tmp_path / "cut.safetensors").refused("cut short")
