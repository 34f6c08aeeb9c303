"""All commands in the order in which the help lists them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from lorasteer.cli.audit import audit
from lorasteer.cli.bench import bench
from lorasteer.cli.certificate import certificate
from lorasteer.cli.demo import demo
from lorasteer.cli.evaluate import evaluate
from lorasteer.cli.export import export
from lorasteer.cli.helptext import help_of
from lorasteer.cli.methods import methods
from lorasteer.cli.refusals import Commands
from lorasteer.cli.retrain import retrain
from lorasteer.cli.runs import runs
from lorasteer.cli.steer import steer
from lorasteer.cli.train import train
from lorasteer.cli.unlearn import unlearn
from lorasteer.cli.web import web

app = typer.Typer(
    name="lorasteer",
    cls=Commands,
    help="Say what a trained model must forget; see what went and what stayed; keep the result or undo it.",
    epilog="First steps: `lorasteer demo`. Each command shows an example with --help.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help starts in a third of the time
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback
)
_BEFORE_RUNS: tuple[Callable[..., None], ...] = (demo, train, retrain, unlearn, steer, web, evaluate, audit, methods)
_AFTER_RUNS: tuple[Callable[..., None], ...] = (export, bench)
for command in _BEFORE_RUNS:
    app.command(help=help_of(command))(command)
app.add_typer(runs, name="runs")
app.add_typer(certificate, name="certificate")
for command in _AFTER_RUNS:
    app.command(help=help_of(command))(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        from lorasteer.store.facts import versions

        typer.echo(f"lorasteer {versions()['lorasteer']}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Say what a trained model must forget; see what went and what stayed; keep the result or undo it."""


def main() -> None:
    """Run the command line; what the console script calls."""
    app()
