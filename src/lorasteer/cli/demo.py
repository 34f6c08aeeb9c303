"""`lorasteer demo`: the whole way in under a minute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.progress import working

if TYPE_CHECKING:
    from lorasteer.session import Demo


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where everything goes.")] = Path("lorasteer-demo"),
    forget: Annotated[str, typer.Option("--forget", metavar="DIGIT", help="Digit to forget.")] = "7",
    json: options.Json = False,
) -> None:
    """Make a small network forget a digit in three ways, and compare it with networks that never saw it.

    Example:
        lorasteer demo
        lorasteer demo --forget 3 --out threes
    """
    from lorasteer.session import demo as run_demo
    from lorasteer.session.demo import PARTS
    from lorasteer.store import check_out

    check_out(out, PARTS, overwrite=True)
    made = run_demo(out, forget=forget, stage=working)
    if json:
        evaluations = [evaluation.model_dump(mode="json") for evaluation in made.evaluations]
        kept = made.kept.model_dump(mode="json")
        show.document({"folder": str(out), "evaluations": evaluations, **kept, "difference": made.difference})
        return
    _tell(made, forget, out)


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
    show.say(f"  lorasteer unlearn {out / 'base'} --forget 3 --intensity 0.75 --cache {out / 'cache'}")
    show.say(f"  lorasteer evaluate {out / 'base'} --change {out / 'run'} --cache {out / 'cache'}")
    show.say(f"  lorasteer export {out / 'run'} --merged --out merged")
