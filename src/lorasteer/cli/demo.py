"""`lorasteer demo`: the whole way in under a minute."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.progress import working
from lorasteer.cli.web import DEMO, STORE, serve_demonstration
from lorasteer.errors import PlanError, choices

if TYPE_CHECKING:
    from lorasteer.session import Demo
    from lorasteer.session.text_demo import TextDemo

TEXT = Path("lorasteer-text-demo")
"""Where `lorasteer demo --task language` puts everything."""


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where everything goes.")] = DEMO,
    task: Annotated[str, typer.Option("--task", metavar="NAME", help="vision: digits; language: invented people.")] = "vision",
    forget: Annotated[
        str | None, typer.Option("--forget", metavar="NAME", help="Digit or person to forget; 7 or the first person else.")
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="End after the table; a terminal goes on to the workbench otherwise.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Make a small network forget a digit in three ways, and compare it with networks that never saw it.

    At a terminal the workbench opens on it then, until Ctrl-C. With --task language a tiny language model forgets a person.

    Example:
        lorasteer demo
        lorasteer demo --forget 3 --out threes
        lorasteer demo --task language
    """
    ways = {"vision": _images, "language": _text}
    if task not in ways:
        raise PlanError(f"unknown task {task!r}. {choices(task, ways)}")
    ways[task](out, forget, no_browser=no_browser, json=json)


def _text(out: Path, forget: str | None, *, no_browser: bool, json: bool) -> None:
    from lorasteer.session.demo import PARTS
    from lorasteer.session.text_demo import text_demo
    from lorasteer.store import check_out

    place = out if out != DEMO else TEXT
    check_out(place, PARTS, overwrite=True)
    made = text_demo(place, forget=forget, stage=working)
    if json:
        evaluations = [evaluation.model_dump(mode="json") for evaluation in made.evaluations]
        written, kept = [asdict(one) for one in made.written], made.kept.model_dump(mode="json")
        facts = {"folder": str(place), "person": made.person, "difference": made.difference}
        show.document({**facts, "evaluations": evaluations, "written": written, **kept})
        return
    _tell_text(made, place)


def _tell_text(made: TextDemo, out: Path) -> None:
    from lorasteer.session.text_demo import COLUMNS

    sizes = made.kept.iteration.sizes
    show.say(f"Invented people with five facts each; forgotten: {made.person} ({sizes['forget']} of {_all(sizes)} examples).")
    show.metrics_down(made.evaluations, COLUMNS, floor=made.floor)
    heads = ["question", "taught", "base writes", "after LoRA+IHL", "never told"]
    show.table(heads, [[one.question, one.right, one.base, one.now, one.retrained] for one in made.written])
    show.say("About LoRA+IHL:")
    show.remarks(made.kept.iteration.remarks)
    show.say(f"Adapter in {out / 'adapter'}; loaded with stock PEFT its logits differ by at most {made.difference:.1e}.")
    show.say()
    show.say("Next:")
    show.say(f"  lorasteer unlearn {out / 'base'} --keyword piano --cache {out / 'cache'}")
    show.say(f"  lorasteer evaluate {out / 'base'} --change {out / 'run'} --suite full --cache {out / 'cache'}")
    show.say(f"  lorasteer export {out / 'run'} --merged --out merged")


def _all(sizes: Mapping[str, int]) -> int:
    return sizes["forget"] + sizes["retain"]


def _images(out: Path, forget: str | None, *, no_browser: bool, json: bool) -> None:
    forget = forget or "7"
    from lorasteer.session import demo as run_demo
    from lorasteer.session.demo import PARTS
    from lorasteer.store import check_out

    check_out(out, (*PARTS, STORE), overwrite=True)
    made = run_demo(out, forget=forget, stage=working)
    if json:
        evaluations = [evaluation.model_dump(mode="json") for evaluation in made.evaluations]
        kept = made.kept.model_dump(mode="json")
        show.document({"folder": str(out), "evaluations": evaluations, **kept, "difference": made.difference})
        return
    _tell(made, forget, out)
    if is_attended(no_browser=no_browser):
        show.say()
        serve_demonstration(out)


def is_attended(*, no_browser: bool) -> bool:
    """Whether a person is there to whom the workbench can be shown: at a terminal, and not on a build machine."""
    wanted = not (no_browser or os.environ.get("CI")) and find_spec("nicegui") is not None
    return wanted and sys.stdin.isatty() and sys.stdout.isatty()


def _tell(made: Demo, forget: str, out: Path) -> None:
    from lorasteer.session.comparison import COLUMNS

    sizes = made.kept.iteration.sizes
    show.say(f"1,797 handwritten digits; forgotten: {forget} ({sizes['forget']} training, {sizes['forget_test']} test images).")
    show.models_down(made.evaluations, COLUMNS, floor=made.floor)
    show.say("About LoRA+IHL:")
    show.remarks(made.kept.iteration.remarks)
    show.say(f"Adapter in {out / 'adapter'}; loaded with stock PEFT its logits differ by at most {made.difference:.1e}.")
    show.say()
    show.say("Next:")
    show.say("  lorasteer web --demo" if out == DEMO else f"  lorasteer web {out / 'base'} --cache {out / 'cache'}")
    show.say(f"  lorasteer unlearn {out / 'base'} --forget 3 --intensity 0.75 --cache {out / 'cache'}")
    show.say(f"  lorasteer evaluate {out / 'base'} --change {out / 'run'} --cache {out / 'cache'}")
    show.say(f"  lorasteer export {out / 'run'} --merged --out merged")
