"""A text classifier is trained, opened again and made to forget by the commands that images have."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

WORDS = {"good": ("fine", "nice"), "bad": ("poor", "ugly"), "odd": ("green", "square")}


def sentences(path: Path) -> Path:
    rows = [
        f"the {noun} was {word} {end}\t{label}"
        for label, words in WORDS.items()
        for word in words
        for noun in ("film", "story", "play", "song", "book")
        for end in ("and long", "today", "again", "indeed")
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_from_a_table_to_a_forgotten_class(run: Run, tmp_path: Path) -> None:
    table, out = sentences(tmp_path / "said.tsv"), tmp_path / "base"
    words = ("--task", "text-classification", "--epochs", "12", "--batch-size", "16", "--learning-rate", "3e-3")
    done = run("train", table, *words, "--out", out)
    assert "bert-tiny: 12 epochs" in done.out
    assert "--forget odd" in done.out
    forgotten = run("unlearn", out, "--forget", "odd", "--intensity", "0.8", "--json")
    assert forgotten.code == 0, forgotten.err
    evaluation = forgotten.json["iteration"]["evaluations"][-1]
    measured = {m["name"]: m["value"] for m in evaluation["measurements"]}
    assert measured["forget_accuracy"] < 0.4


def test_what_a_text_classifier_has_no_use_for(run: Run, tmp_path: Path) -> None:
    table = sentences(tmp_path / "said.tsv")
    words = ("train", table, "--task", "text-classification", "--out", tmp_path / "base")
    run(*words, "--chat").refused("templates and chat")
    run(*words, "--augmentation", "crop").refused("augmentation is 'crop'", "text takes none")
    run(*words, "--as-is", "--weights", "x.safetensors").refused("--weights is for images")
