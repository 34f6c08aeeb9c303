"""The tutorial on text runs as it stands, on a model and a file made on the spot; the table of intensities is the code's."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lorasteer.cli import app
from lorasteer.steer.text_intensity import markdown
from lorasteer.tasks.language.models import make_model
from lorasteer.tasks.language.sources import load_text

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.compile(r"^```(bash|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def my_files(folder: Path) -> None:
    """Facts about six people as JSON lines, and a fresh tiny Llama."""
    data = load_text("facts?people=6")
    train, test = data.train, data.test
    rows = [
        {"prompt": prompt, "answer": answer, "person": str(person), "topic": str(topic), "paraphrased_question": other}
        for prompt, answer, person, topic, other in zip(
            train.prompts, train.answers, *(train.attributes[name] for name in ("person", "topic")), test.prompts, strict=True
        )
    ]
    assert "Nilo Gildas" in {row["person"] for row in rows}
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    made = make_model("llama-tiny", train.prompts + train.answers)
    made.network.save_pretrained(folder / "my-llama")
    made.tokenizer.save_pretrained(folder / "my-llama")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT asks transformers by a name of old
def test_every_command_and_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LORASTEER_HOME", str(tmp_path / "home"))
    my_files(tmp_path)
    for kind, text in BLOCKS.findall((DOCS / "tutorial-language.md").read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(text, "tutorial-language.md", "exec"), {})
            continue
        for line in text.splitlines():
            done = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
            assert done.exit_code == 0, f"{line}\n{done.output}"
    assert "Question: Where was Nilo Gildas born?" in capsys.readouterr().out
    for folder in ("adapter", "adapter-from-python"):
        assert (tmp_path / folder / "adapter_model.safetensors").is_file()


def test_the_table_of_intensities_is_the_codes() -> None:
    page = (DOCS / "how-to" / "forget-text.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"<!-- text-intensity -->\n(.*?)<!-- /text-intensity -->", page, re.DOTALL)
    assert table == markdown()
