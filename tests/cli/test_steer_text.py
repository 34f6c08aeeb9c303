"""`lorasteer steer` on a language model: at a terminal, by a script, and gone on with after a kill."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM

from lorasteer.session.rehearsal import read_script
from lorasteer.session.script import done_already
from lorasteer.store import RunStore
from lorasteer.tasks.base import save_base
from tests.cli.conftest import Run
from tests.cli.test_process import start
from tests.support.text import PERSON, text_base, text_bench

if sys.platform == "win32":
    pytest.skip("a pty is needed", allow_module_level=True)

from tests.support.terminal import Terminal

TARGET = ("--where", f"person == '{PERSON}'")
QUICK = ("--method", "npo", "--set", "epochs=2", "--set", "retain=20")
TOUR = """
[[step]]
action = "start"
why = "a customer asked"
[[step]]
action = "adjust"
intensity = 0.75
[[step]]
action = "strength"
strength = 0.5
[[step]]
action = "undo"
[[step]]
action = "continue"
[[step]]
action = "also"
where = "person == 'Nilo Ostrand'"
[[step]]
action = "drop"
number = 4
[[step]]
action = "compare"
before = 0
after = 3
[[step]]
action = "go"
number = 1
[[step]]
action = "commit"
strength = 0.75
[[step]]
action = "export"
folder = "{folder}"
[[step]]
action = "stop"
"""


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a base that knows thirty facts."""
    return save_base(text_base(), tmp_path_factory.mktemp("text"))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The tour as a file."""
    path = tmp_path / "steps.toml"
    path.write_text(TOUR.replace("{folder}", str(tmp_path / "adapter")))
    return path


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT asks transformers by a name of old
def test_a_script_ends_in_an_adapter_for_stock_peft(run: Run, text: Path, home: Path, script: Path, tmp_path: Path) -> None:
    done = run("steer", text, *TARGET, *QUICK, "--script", script)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("step 1 start: iteration 1 is in force; forget probability ")
    assert "retain probability" in lines[0]
    assert "at strength 0.5: forget probability" in lines[2]
    assert "forget probability fell from" in lines[7]
    assert f"{PERSON}" in lines[7]
    assert "(forget): '" in lines[7]
    store = RunStore(home / "runs")
    (found,) = store.list()
    made = store.iterations(found.id)
    assert [(one.parent, one.action) for one in made] == [
        (0, "unlearn"), (1, "adjust"), (1, "continue"), (3, "also"), (4, "drop"), (1, "commit"),
    ]  # fmt: skip
    ids = torch.arange(12).reshape(2, 6)
    stock = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(text), tmp_path / "adapter").eval()
    ours = store.change(found.id, 6, text_bench().base).apply(text_bench().base)
    with torch.no_grad():
        assert torch.allclose(stock(input_ids=ids).logits, ours(input_ids=ids).logits, atol=1e-4)


def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(run: Run, text: Path, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "steps.toml"
    path.write_text('[[step]]\naction = "start"\n' + '[[step]]\naction = "continue"\n' * 3)
    words = (*TARGET, *QUICK, "--script", path, "--json")
    process = start("steer", text, *words)
    assert process.stdout is not None
    first = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store = RunStore(home / "runs")
    kept = store.iterations(first[0]["run"])
    assert [one.change.tensors for one in kept][:2] == [one["tensors"] for one in first]
    assert done_already(read_script(path), store.events(first[0]["run"])) == len(kept) >= 2
    run("steer", "--resume", first[0]["run"], *words)
    resumed = [one.change.tensors for one in store.iterations(first[0]["run"])]
    whole = [json.loads(line) for line in run("steer", text, *words, "--store", tmp_path / "other").out.splitlines()]
    assert resumed == [one["tensors"] for one in whole]
    assert store.verify() == []


def test_a_session_by_hand(text: Path, home: Path) -> None:
    store, terminal = RunStore(home / "runs"), Terminal("steer", text, *TARGET, *QUICK)
    try:
        terminal.sees("start")
        terminal.type("\r")
        terminal.sees("forget probability")
        terminal.sees("continue")
        terminal.type("\x1b[D" * 5)
        terminal.sees("0.75")
        terminal.type("u")
        terminal.sees("undo: done.")
        terminal.type("q")
        assert terminal.ends() == 0
    finally:
        terminal.close()
    (found,) = store.list()
    assert found.iterations == 1


def test_the_browser_refuses_a_language_base(run: Run, text: Path) -> None:
    run("web", text, "--no-browser").refused("is a language model; the browser is for image models so far", "lorasteer steer")


def test_what_a_language_base_cannot_be_asked_is_refused(run: Run, text: Path, script: Path) -> None:
    run("steer", text, "--forget", "7", "--script", script).refused("has no classes", "person, topic")
    run("steer", text, *TARGET, "--method", "logit-mask", "--script", script).refused("made for vision, not for language")
