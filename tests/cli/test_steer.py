"""Steering at a terminal and by a script: the same engine, the same log."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from peft import PeftModel

from lorasteer.store import RunStore
from tests.cli.conftest import Run
from tests.cli.test_process import start
from tests.support.digits import small_base

if sys.platform == "win32":
    pytest.skip("a pty is needed", allow_module_level=True)

from tests.support.terminal import Terminal

QUICK = ("--set", "epochs=1", "--set", "retain=50")
TOUR = """
[[step]]
action = "start"
why = "a customer asked"
[[step]]
action = "continue"
[[step]]
action = "adjust"
intensity = 0.9
[[step]]
action = "undo"
[[step]]
action = "go"
number = 1
[[step]]
action = "adjust"
intensity = 0.7
[[step]]
action = "strength"
strength = 0.5
[[step]]
action = "commit"
[[step]]
action = "compare"
before = 3
after = 5
[[step]]
action = "stop"
[[step]]
action = "export"
folder = "{folder}"
"""
LOGGED = ["begin", "start", "continue", "adjust", "undo", "go", "adjust", "commit", "stop"]


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals that are taken away when the test ends."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The tour as a file."""
    path = tmp_path / "steps.toml"
    path.write_text(TOUR.replace("{folder}", str(tmp_path / "adapter")))
    return path


def actions(store: RunStore) -> list[str]:
    """What a person did, as the log of the only run says."""
    (found,) = store.list()
    return [event.action for event in store.events(found.id) if event.action not in ("finished", "failed", "recovered")]


def state(store: RunStore) -> tuple[str, int, int]:
    """State, head and number of iterations of the only run."""
    found = store.list()
    if not found:
        return "", 0, 0
    assert found[0].record is not None
    return found[0].record.state, found[0].record.head, found[0].iterations


def steered(terminal: Terminal, store: RunStore, keys: str, head: int, iterations: int, where: str = "reviewing") -> None:
    """Type keys and wait until the store says that what they mean is done."""
    terminal.type(keys)
    terminal.wait(lambda: state(store) == (where, head, iterations))


def test_a_whole_session_by_hand(base: Path, home: Path, tmp_path: Path, terminals: list[Terminal]) -> None:
    store = RunStore(home / "runs")
    terminal = Terminal("steer", base, "--forget", "7", *QUICK)
    terminals.append(terminal)
    terminal.sees("start")
    steered(terminal, store, "\r", 1, 1)
    steered(terminal, store, "c", 2, 2)
    steered(terminal, store, "a0.9\r", 3, 3)
    steered(terminal, store, "u", 2, 3)
    steered(terminal, store, "h1\r", 1, 3)
    steered(terminal, store, "aintensity=0.7\r", 4, 4)
    terminal.type("\x1b[D" * 10)
    terminal.sees("0.50")
    steered(terminal, store, "m", 5, 5)
    terminal.type("x3 5\r")
    terminal.sees("iteration 5")
    steered(terminal, store, "s", 5, 5, "closed")
    terminal.type(f"e{tmp_path / 'adapter'}\r")
    terminal.sees("written to")
    terminal.type("q")
    assert terminal.ends() == 0
    assert actions(store) == LOGGED
    iterations = store.iterations(store.list()[0].id)
    assert [(one.parent, one.action) for one in iterations] == [
        (0, "unlearn"), (1, "continue"), (2, "adjust"), (1, "adjust"), (4, "commit"),
    ]  # fmt: skip
    assert [one.request.intensity for one in iterations] == [0.5, 0.5, 0.9, 0.7, 0.7]
    assert iterations[4].change.strength == 0.5
    PeftModel.from_pretrained(small_base().view(), tmp_path / "adapter")
    assert "lorasteer runs show" in terminal.written


def test_interrupt_keeps_what_was_learned_and_ctrl_c_twice_leaves(base: Path, home: Path, terminals: list[Terminal]) -> None:
    store = RunStore(home / "runs")
    long = ("--method", "lora-finetune", "--set", "epochs=1000", "--set", "learning_rate=1e-6")  # it will not forget by itself
    terminal = Terminal("steer", base, "--forget", "7", *long)
    terminals.append(terminal)
    terminal.sees("start")
    terminal.type("\r")
    terminal.wait(lambda: state(store)[0] == "unlearning")
    terminal.sees("of at most")
    terminal.type("c")
    terminal.sees("cannot continue now")
    terminal.type("i")
    terminal.wait(lambda: state(store) == ("reviewing", 1, 1))
    (found,) = store.list()
    assert store.iteration(found.id, 1).interrupted
    terminal.type("\x03\x03")
    assert terminal.ends() == 0
    assert f"lorasteer steer --resume {found.id}" in terminal.written
    again = Terminal("steer", "--resume", found.id)
    terminals.append(again)
    again.sees("continue")
    steered(again, store, "u", 0, 1)
    again.type("q")
    assert again.ends() == 0


def test_a_goal_is_sought_by_a_key_and_ended_by_another(base: Path, home: Path, terminals: list[Terminal]) -> None:
    store = RunStore(home / "runs")
    terminal = Terminal("steer", base, "--forget", "7")
    terminals.append(terminal)
    terminal.sees("goal")
    terminal.type("gforget-at-most=0 retain-loss-at-most=0 set.epochs=1 set.retain=50 tries=500 seconds=3600\r")
    terminal.sees("try 2")
    terminal.type("u")
    terminal.sees("cannot undo now")
    terminal.type("\x1b[D")
    terminal.sees("a goal is sought")
    terminal.type("i")
    terminal.sees("The goal was not reached")
    (found,) = store.list()
    assert [event.action for event in store.events(found.id)].count("found") == 1
    assert len(store.iterations(found.id)) < 500
    assert state(store)[0] == "reviewing"
    terminal.type("q")
    assert terminal.ends() == 0


def test_help_refusals_and_an_unfinished_line(base: Path, home: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("steer", base)
    terminals.append(terminal)
    terminal.sees("start")
    terminal.type("?")
    terminal.sees("turn the strength")
    terminal.type("u")
    terminal.sees("cannot undo now")
    terminal.type("\r")
    terminal.sees("forget what")
    terminal.type("forget=eleven\r")
    terminal.sees("unknown class 'eleven'")
    terminal.type("\rforget=7\x1b")
    terminal.type("q")
    assert terminal.ends() == 0
    assert state(RunStore(home / "runs")) == ("idle", 0, 0)


def test_without_a_terminal_it_names_the_script(run: Run, base: Path, home: Path) -> None:
    run("steer", base, "--forget", "7").refused("no terminal", "--script")
    assert not home.exists()


def test_a_script_does_and_tells_every_step(run: Run, base: Path, home: Path, script: Path, tmp_path: Path) -> None:
    done = run("steer", base, "--forget", "7", *QUICK, "--script", script, "--name", "tour")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["step 1 start", "step 2 continue", "step 3 adjust"]
    assert "at strength 0.5" in lines[6]
    store = RunStore(home / "runs")
    assert actions(store) == LOGGED
    assert store.list()[0].record is not None
    assert store.list()[0].record.name == "tour"
    PeftModel.from_pretrained(small_base().view(), tmp_path / "adapter")


def test_two_runs_of_a_script_give_the_same_digests(run: Run, base: Path, script: Path) -> None:
    told = []
    for _ in range(2):
        done = run("steer", base, "--forget", "7", *QUICK, "--script", script, "--json")
        told.append([json.loads(line)["tensors"] for line in done.out.splitlines()])
    assert told[0] == told[1]
    assert len(told[0]) == 11


def test_a_script_that_cannot_be_done_starts_nothing(run: Run, base: Path, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "steps.toml"
    path.write_text('[[step]]\naction = "start"\n[[step]]\naction = "undo"\n[[step]]\naction = "continue"\n')
    run("steer", base, "--forget", "7", "--script", path).refused("step 3 (continue)", "untouched base", "Possible now: adjust")
    run("steer", base, "--script", path).refused("step 1 (start)", "no target")
    assert not home.exists()


def test_events_go_to_a_tracker_that_is_named(run: Run, base: Path, home: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    path = tmp_path / "steps.toml"
    path.write_text('[[step]]\naction = "start"\n')
    words = ("--forget", "7", *QUICK, "--script", path)
    assert run("steer", base, *words, "--track", "tensorboard").code == 0
    assert list((home / "runs" / "tracked").rglob("events.out.tfevents*"))
    run("steer", base, *words, "--track", "nobody").refused("nobody", "tensorboard")


def test_nothing_to_open_is_refused(run: Run, script: Path) -> None:
    run("steer", "--script", script, "--forget", "7").refused("no base model is named")
    run("steer", "--resume", "nothing", "--script", script).refused("no run 'nothing'")


def test_ctrl_c_and_resume_end_as_if_nothing_had_happened(run: Run, base: Path, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "steps.toml"
    steps = '[[step]]\naction = "start"\n' + '[[step]]\naction = "adjust"\nintensity = 0.9\nsettings = { epochs = 40 }\n' * 12
    path.write_text(steps)
    words = ("--forget", "7", "--set", "epochs=1", "--script", path, "--json")
    process = start("steer", base, *words)
    assert process.stdout is not None
    first = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(2)
    out, err = process.communicate()
    first += [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 130
    assert err.count("\n") == 1, err
    assert f"--resume {first[0]['run']} --script {path}" in err
    rest = [json.loads(line) for line in run("steer", "--resume", first[0]["run"], *words).out.splitlines()]
    assert [one["step"] for one in [*first, *rest]] == list(range(1, 14))
    whole = [json.loads(line) for line in run("steer", base, *words, "--store", tmp_path / "other").out.splitlines()]
    assert [one["tensors"] for one in [*first, *rest]] == [one["tensors"] for one in whole]
