"""Record a session of `lorasteer steer` on the digits as a moving picture, docs/assets/steer.svg: `python -m scripts.record`.

Real keys go into the real program, one screen is kept for each. The numbers are those of the run; a fresh recording differs from
the last one in them, so only what was typed and what can be chosen is checked for staleness.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import xml.sax.saxutils
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.terminal_theme import MONOKAI

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "assets" / "steer.svg"
TYPED = (
    "enter", "c", "a 0.9 enter", "u", "h 1 enter", "a 0.7 enter", *("left",) * 10, "m", "x 3 5 enter", "s", "e adapter enter",
)  # fmt: skip
"""What is typed: start, continue, adjust, undo, branch, strength 0.5, commit, compare, stop, export."""
COLUMNS, LINES, SECONDS = 150, 32, 2.2
CAPTIONS = {"enter": "Enter", "left": "←"}
# Rich's own page asks another server for its font; this one asks for nothing
FRAME = """<g class="frame" style="animation-delay:{delay}s"><defs>{lines}</defs><style>{styles}</style>
<g class="{unique_id}-matrix" transform="translate(12,12)">{backgrounds}{matrix}</g></g>"""


class Typist:
    """A keyboard that types once the program is ready, and keeps the screen after each key that counts."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.frames: list[str] = []
        self.keys = self._keys()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def sit(self, steering: object) -> None:
        """Sit down at a session."""
        from lorasteer.cli.steering.loop import Steering

        assert isinstance(steering, Steering)
        self.steering = steering

    def read(self, timeout: float) -> str:
        """The next key; none while the work is not done."""
        self.steering.work.done(timeout)
        return "" if self.steering.work.busy else next(self.keys)

    def _keys(self) -> Iterator[str]:
        self._keep("lorasteer steer digits-base --forget 7 --intensity 0.25 --retrained 2")
        for place, typed in enumerate(TYPED):
            words = typed.split(" ")
            yield words[0]
            yield from (key for key in " ".join(words[1:-1]))
            if len(words) > 1:
                self._keep(caption(typed))
                yield words[-1]
            if typed != "left" or TYPED[place + 1] != "left":
                self._keep(caption(typed))
        yield "q"

    def _keep(self, title: str) -> None:
        self.console.print(self.steering.drawn(self.console), height=LINES)
        name = f"f{len(self.frames)}"
        form = FRAME.replace("{delay}", f"{len(self.frames) * SECONDS:g}")
        self.frames.append(self.console.export_svg(title=title, theme=MONOKAI, code_format=form, unique_id=name))


def caption(typed: str) -> str:
    """What was typed, as people write it."""
    return " ".join(CAPTIONS.get(word, word) for word in typed.split(" "))


def record(folder: Path) -> list[str]:
    """Steer a session in a folder; gives its screens."""
    from lorasteer.cli.steering.loop import Steering
    from lorasteer.records import Request, Target
    from lorasteer.session import Session, Workbench, retrain_seeds
    from lorasteer.store import RunStore
    from lorasteer.tasks.base import Base
    from lorasteer.tasks.splits import Splits
    from lorasteer.tasks.vision.classifier import train_classifier
    from lorasteer.tasks.vision.models import recipe_for
    from lorasteer.tasks.vision.sources import load_data

    data = load_data("digits")
    recipe = recipe_for("mlp", len(data.train)).model_copy(update={"precision": "fp32"})
    bench = Workbench(train_classifier(data, "mlp", recipe), data)
    console = Console(record=True, width=COLUMNS, height=LINES, file=io.StringIO(), force_terminal=True)
    typist = Typist(console)

    def models(splits: Splits) -> list[Base]:
        return [bench.retrain(splits, seed=seed) for seed in retrain_seeds(0, 2)]

    with Session.begin(bench, RunStore(folder / "runs"), actor="you", retrained=models) as session:
        steering = Steering(session, Request(target=Target(classes=("7",)), intensity=0.25))
        typist.sit(steering)
        steering.run(typist, Console(file=io.StringIO(), width=COLUMNS, height=LINES))
    return typist.frames


def moving(frames: list[str]) -> str:
    """Screens as one picture that shows one after the other, and only the last one where nothing may move."""
    width, height, whole = COLUMNS * 12.2 + 24, LINES * 24.4 + 24, len(frames) * SECONDS
    share = 100 / len(frames)
    style = (
        f".frame{{visibility:hidden;animation:show {whole:g}s step-end infinite;font:20px Menlo,Consolas,monospace}}"
        f"@keyframes show{{0%{{visibility:visible}}{share:.3f}%{{visibility:hidden}}100%{{visibility:hidden}}}}"
        "@media (prefers-reduced-motion:reduce){.frame{animation:none}.frame:last-of-type{visibility:visible}}"
    )
    typed = xml.sax.saxutils.escape(" | ".join(TYPED))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">'
    about = f"<title>A session of lorasteer steer on handwritten digits</title><desc>{typed}</desc>"
    return "\n".join(
        [
            head,
            about,
            f"<style>{style}</style>",
            '<rect width="100%" height="100%" rx="8" fill="#0c0c0c"/>',
            *frames,
            "</svg>",
            "",
        ]
    )


def main() -> int:
    """Record anew."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        frames = record(Path())
    PICTURE.write_text(moving(frames), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {len(frames)} screens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
