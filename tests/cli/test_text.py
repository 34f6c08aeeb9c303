"""The same commands on text: train, unlearn, evaluate, retrain, export; and one line for what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM

from lorasteer.tasks.base import save_base
from lorasteer.tasks.language.model import load_language_base
from tests.cli.conftest import Run
from tests.cli.test_process import interrupt_after_first_epoch, start
from tests.support.text import FACTS, PERSON, text_base

TRAIN = ("train", FACTS, "--task", "language", "--model", "llama-tiny", "--set", "precision=fp32")
TARGET = ("--where", f"person == '{PERSON}'")


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a base that knows thirty facts."""
    return save_base(text_base(), tmp_path_factory.mktemp("text"))


def test_a_base_and_what_it_says_next(run: Run, tmp_path: Path) -> None:
    done = run(*TRAIN, "--epochs", "1", "--prompt-template", r"{prompt}\n", "--max-length", "60", "--out", tmp_path / "base")
    assert "Mean answer probability" in done.out
    assert f"""--where "person == '{PERSON}'\"""" in done.out
    record = load_language_base(tmp_path / "base").record
    assert (record.template.prompt, record.max_length, record.validation_share) == ("{prompt}\n", 60, 0.0)
    run(*TRAIN, "--epochs", "1", "--out", tmp_path / "base").refused("holds a result already", "--overwrite")


@pytest.mark.slow
def test_interrupted_and_resumed_is_as_if_uninterrupted(run: Run, tmp_path: Path) -> None:
    words = ("train", "facts?people=3", *TRAIN[2:], "--epochs", "12")
    broken = tmp_path / "broken"
    first = start(*words, "--out", broken)
    interrupt_after_first_epoch(first, broken / "checkpoint.safetensors")
    _, err = first.communicate()
    assert first.returncode == 130
    assert "Run the same command again to go on." in err
    assert run(*words, "--out", broken).code == 0
    assert run(*words, "--out", tmp_path / "whole").code == 0
    assert load_language_base(broken).digest == load_language_base(tmp_path / "whole").digest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT asks transformers by a name of old
def test_unlearn_evaluate_retrain_export(run: Run, text: Path, tmp_path: Path) -> None:
    quick = ("--method", "npo", "--set", "epochs=2")
    done = run("unlearn", text, *TARGET, *quick, "--out", tmp_path / "run")
    assert "5 training and 5 test examples; 25 training examples are retained" in done.out
    assert "forget probability → retrained" in done.out
    assert "no retrained model to compare with" in done.out
    assert run("retrain", text, *TARGET, "--out", tmp_path / "never").code == 0
    found = run("evaluate", text, "--change", tmp_path / "run", "--compare", tmp_path / "never", "--suite", "full", "--json").json
    assert [one["subject"] for one in found["evaluations"]] == ["base", "retrained (seed 1000)", "npo"]
    assert "forget_rouge" in {one["name"] for one in found["evaluations"][0]["measurements"]}
    assert run("export", tmp_path / "run", "--out", tmp_path / "adapter").code == 0
    assert run("export", tmp_path / "run", "--merged", "--base", text, "--out", tmp_path / "merged").code == 0
    _same_model(text, tmp_path)


def _same_model(text: Path, folder: Path) -> None:
    """The adapter on the base, both read by stock libraries, says what the merged model says."""
    ids = torch.arange(12).reshape(2, 6)
    stock = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(text), folder / "adapter").eval()
    merged = load_language_base(folder / "merged")
    assert merged.record.fit is None
    with torch.no_grad():
        theirs, ours = stock(input_ids=ids).logits, merged.model(input_ids=ids).logits
    assert torch.allclose(theirs, ours, atol=1e-4)


def test_a_keyword_is_a_target(run: Run, text: Path) -> None:
    found = run("evaluate", text, "--keyword", PERSON.upper(), "--json").json
    assert found["wording"] == f"keyword {PERSON.upper()!r}"


def test_refusals_on_text(run: Run, text: Path, tmp_path: Path) -> None:
    run("unlearn", text, "--where", "person == 'Nilo Gildes'").refused("no value 'Nilo Gildes'", "Did you mean 'Nilo Gildas'?")
    run("unlearn", text, "--forget", "7").refused("has no classes", "person, topic")
    run("unlearn", text, "--keyword", "zzz").refused("no training example holds the word 'zzz'")
    run("unlearn", text, *TARGET, "--method", "logit-mask").refused("made for vision, not for language")
    run("unlearn", text, *TARGET, "--method", "grad-diff", "--set", "retain=0").refused("retain")
    run("unlearn", text, *TARGET, "--ids", "a").refused("in 2 ways")
    run("evaluate", text, *TARGET, "--suite", "huge").refused("unknown suite 'huge'", "full")
    run("steer", text, "--script", _script(tmp_path)).refused("no value 'x'", "person")


def _script(folder: Path) -> Path:
    (folder / "steps.toml").write_text('[[step]]\naction = "start"\nwhere = "person == x"\n')
    return folder / "steps.toml"


def test_refusals_in_training(run: Run, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "base")
    run("train", FACTS, "--task", "langauge", *out).refused("unknown task 'langauge'", "Did you mean 'language'?")
    run("train", "digits", "--chat", *out).refused("are for text")
    run(*TRAIN, "--augmentation", "crop", *out).refused("which is for images")
    run(*TRAIN, "--weights", "w.safetensors", "--as-is", *out).refused("--weights is for images")
    run(*TRAIN, "--prompt-template", "no place", *out).refused("must hold {prompt} exactly once")
    run(*TRAIN, "--max-length", "9", *out).refused("Raise max_length")
    run(*TRAIN, "--chat", *out).refused("no chat template")
    run("train", FACTS, "--task", "language", "--model", "nobody/nothing", *out).refused("config.json", "tokenizer.json")
    run("train", "facst", "--task", "language", *out).refused("Did you mean 'facts'?")
    assert not (tmp_path / "base" / "base.json").exists()


def test_an_answer_that_is_too_long_is_named(run: Run, tmp_path: Path) -> None:
    rows = [{"question": f"Who is {n}?", "answer": "nobody " * (200 if n == 3 else 1), "id": f"q{n}"} for n in range(5)]
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = ("train", tmp_path / "mine.jsonl", "--task", "language", "--model", "llama-tiny", "--epochs", "1")
    run(*words, "--out", tmp_path / "base").refused("example 'q3'", "allowed are 128", "truncate=true")
    assert run(*words, "--truncate", "--out", tmp_path / "base").code == 0


def test_methods_for_text(run: Run) -> None:
    listed = run("methods", "--task", "language").out
    names = {line.split()[0] for line in listed.splitlines() if line.strip()}
    assert {"npo", "lora-ihl"} <= names
    assert "logit-mask" not in names
    assert "forget_probability" in run("methods", "lora-ihl", "--task", "language").out
    assert "forget_probability" not in run("methods", "lora-ihl").out
    run("methods", "--task", "sound").refused("unknown task 'sound'")
