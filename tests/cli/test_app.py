"""The command line as a whole: help, version, and how commands end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner

from lorasteer.cli import app
from lorasteer.cli.refusals import Commands
from lorasteer.errors import Interrupted, RequestError, TrainingDiverged
from lorasteer.store import versions
from tests.cli.conftest import Run

COMMANDS = ["demo", "train", "retrain", "unlearn", "evaluate", "methods", "runs", "export", "bench"]


def test_every_command_is_listed(run: Run) -> None:
    listed = run("--help").out.split("Commands:")[1]
    assert [name for name in COMMANDS if f"\n  {name} " in listed] == COMMANDS


@pytest.mark.parametrize("command", [*COMMANDS, "runs list", "runs show", "runs rm"])
def test_help_has_an_example_and_json(run: Run, command: str) -> None:
    shown = run(*command.split(), "--help").out
    assert "Example:\n" in shown
    assert f"\n      lorasteer {command}" in shown
    assert "--json" in shown or command == "runs"


def test_version(run: Run) -> None:
    assert run("--version").out == f"lorasteer {versions()['lorasteer']}\n"


def test_what_is_not_an_option_or_command(run: Run) -> None:
    run("train", "digits", "--out", "x", "--bogus").refused("--bogus", "lorasteer train --help")
    run("nonsense").refused("nonsense", "lorasteer --help")
    run("runs", "show").refused("RUN", "lorasteer runs show --help")
    run("unlearn", "base", "--forget", "7", "--seed", "many").refused("--seed")


def ending(raised: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise raised

    return command


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (RequestError("unknown class 'x'."), 2, "unknown class 'x'."),
        (TrainingDiverged(3, 2), 2, "weights of step 2 are kept"),
        (Interrupted("stopped in epoch 2. Run the same command again to go on."), 130, "stopped in epoch 2"),
        (KeyboardInterrupt(), 130, "Run the same command again"),
    ],
)
def test_endings_take_one_line(raised: BaseException, code: int, words: str) -> None:
    made = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False)
    made.command("fail")(ending(raised))
    made.command("other")(ending(raised))
    done = CliRunner().invoke(made, ["fail"])
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_a_bug_keeps_its_traceback() -> None:
    made = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False)
    made.command("fail")(ending(ZeroDivisionError("a bug")))
    made.command("other")(ending(ZeroDivisionError("a bug")))
    assert isinstance(CliRunner().invoke(made, ["fail"]).exception, ZeroDivisionError)
    assert app.pretty_exceptions_enable is False
