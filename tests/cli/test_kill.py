"""`kill -9` at random instants of a scripted session: what was told is kept, what is kept is whole, and the rest can be done.

LORASTEER_KILLS sets how often; a few when left out.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lorasteer.session import Session
from lorasteer.session.rehearsal import read_script
from lorasteer.session.script import done_already
from lorasteer.store import RunStore
from tests.cli.conftest import Run
from tests.support.digits import bench
from tests.support.planted import edited_alpha, flipped_bit, foreign_base

if sys.platform == "win32":
    pytest.skip("needs POSIX signals", allow_module_level=True)

from tests.support.processes import CONTEXT
from tests.support.steered import command

KILLS = int(os.environ.get("LORASTEER_KILLS", "6"))
WORDS = ("--forget", "7", "--set", "epochs=1", "--set", "retain=50", "--json")
SCRIPT = """
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
action = "strength"
strength = 0.5
[[step]]
action = "commit"
[[step]]
action = "combine"
one = 1
other = 3
[[step]]
action = "also"
forget = "3"
[[step]]
action = "drop"
number = 5
[[step]]
action = "goal"
forget_at_most = 0.0
retain_loss_at_most = 0.0
tries = 2
seconds = 3600
[[step]]
action = "export"
folder = "{folder}"
[[step]]
action = "stop"
"""
PLANTED: dict[Callable[[RunStore], None], str] = {
    flipped_bit: "adapter_model.safetensors was altered",
    edited_alpha: "adapter_config.json was altered",
    foreign_base: "was made for base",
}

Told = list[dict[str, Any]]


@dataclass(frozen=True)
class Whole:
    """What the script does where nobody disturbs it.

    Args:
        told: What it tells of each step.
        made: Digests of the numbers of all iterations.
        opening: Seconds until its first step is told.
    """

    told: Told
    made: list[str]
    opening: float

    def count(self, done: int) -> int:
        """How many iterations there are after so many steps."""
        steps = self.told[:done]
        return (
            len(self.made)
            if any(one["action"] == "goal" for one in steps)
            else max((one["made"] or 0 for one in steps), default=0)
        )

    def instant(self, seed: int) -> tuple[int, float]:
        """A random instant of a random step: after how many steps, and how many seconds later."""
        generator = random.Random(seed)
        step = generator.randrange(len(self.told))
        length = self.told[step]["seconds"] * 1.25 + 0.01 if step else self.opening
        return step, generator.uniform(0, length)


def script_in(folder: Path) -> Path:
    """The script as a file."""
    path = folder / "steps.toml"
    path.write_text(SCRIPT.replace("{folder}", str(folder / "adapter")))
    return path


def steered(base: Path, folder: Path, instant: tuple[int, float] | None = None) -> Told:
    """Run the script in a process of its own and give what it told.

    Args:
        base: Folder of the base.
        folder: Where everything goes.
        instant: When to kill it: so many seconds after it has told so many steps.
    """
    out, home = folder / "told", folder / "home"
    words = ["steer", str(base), *WORDS, "--script", str(script_in(folder))]
    process = CONTEXT.Process(target=command, args=(words, str(out), str(home)))
    process.start()
    if instant is not None:
        steps, seconds = instant
        while len(lines_of(out)) < steps:
            assert process.exitcode is None
            time.sleep(0.002)
        process.join(seconds)
        process.kill()
    process.join()
    return [json.loads(line) for line in lines_of(out)]


def lines_of(path: Path) -> list[str]:
    """Lines that were written to their end."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [line for line in lines if line.endswith("\n")]


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The script, undisturbed; the first time warms what the processes share."""
    steered(base, tmp_path_factory.mktemp("first"))
    began = time.monotonic()
    folder = tmp_path_factory.mktemp("whole")
    told = steered(base, folder)
    seconds = time.monotonic() - began
    made = RunStore(folder / "home" / "runs").iterations(told[0]["run"])
    assert [one["step"] for one in told] == list(range(1, 13))
    return Whole(told, [one.change.tensors for one in made], seconds - sum(one["seconds"] for one in told[1:]))


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_script_is_whole_and_can_be_gone_on_with(
    run: Run, base: Path, tmp_path: Path, whole: Whole, seed: int, record_property: Callable[[str, object], None]
) -> None:
    told = steered(base, tmp_path, whole.instant(seed))
    store = RunStore(tmp_path / "home" / "runs")
    assert run("runs", "verify").code == 0
    ids = [found.id for found in store.list()]
    record_property("told", len(told))
    if not ids:
        assert told == []
        return
    done = stands_where_its_log_says(store, ids[0], tmp_path, whole)
    record_property("done", done)
    assert len(told) <= done + 1  # a look at a strength, or an export, is not in the log
    assert_same(told, whole.told[: len(told)])
    if store.iterations(ids[0]):
        finds_what_is_planted(run, store, tmp_path)
    rest = run("steer", base, *WORDS, "--script", tmp_path / "steps.toml", "--resume", ids[0])
    assert (rest.code, rest.err) == (0, "")
    assert_same([json.loads(line) for line in rest.out.splitlines()], whole.told[done:])
    assert store.verify() == []
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["r"] > 0


def stands_where_its_log_says(store: RunStore, name: str, folder: Path, whole: Whole) -> int:
    """Open the session as a person would; gives how many steps are done."""
    done = done_already(read_script(folder / "steps.toml"), store.events(name))
    seeking = whole.told[done]["action"] == "goal" if done < len(whole.told) else False
    with Session.open(bench(), store, name) as session:
        made = [iteration.change.tensors for iteration in session.iterations]
        assert made == whole.made[: len(made)]
        if not seeking:  # the tries of a search are complete iterations as well
            assert len(made) == whole.count(done)
            assert session.head == (whole.told[done - 1]["head"] if done else 0)
        assert session.state in (("closed",) if done == len(whole.told) else ("idle", "reviewing"))
        for number in session.history.parents:
            assert session.past.change(number).record == session.past[number].change
            session.past.resume(number)
    return done


def finds_what_is_planted(run: Run, store: RunStore, folder: Path) -> None:
    """`lorasteer runs verify` names a flipped bit, an edited alpha and another base, each in a copy of the store."""
    for plant, words in PLANTED.items():
        copy = folder / plant.__name__
        shutil.copytree(store.root, copy)
        plant(RunStore(copy))
        found = run("runs", "verify", "--store", copy)
        assert found.code == 2
        assert words in found.out


def assert_same(told: Told, expected: Told) -> None:
    """The same steps with the same numbers in force."""
    facts = ("step", "action", "head", "made", "tensors", "state")
    assert [[one[fact] for fact in facts] for one in told] == [[one[fact] for fact in facts] for one in expected]
