"""What an intensity leaves, against what it promises: by the table alone, and calibrated by three runs on other classes."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks.common import bench, mnist, percent, say, trained, write
from benchmarks.table1 import MNIST
from lorasteer import Request, Target, Workbench
from lorasteer.session import Session
from lorasteer.steer.intensity import promised
from lorasteer.store import RunStore

LEARNED, HELD_OUT = ("1", "3", "8"), ("7", "4", "9")
INTENSITIES = tuple(step / 10 for step in range(1, 11))


def left(session: Session, digit: str, intensity: float, *, calibrated: bool) -> tuple[float, float]:
    """Accuracy on the forget set, as a share of the base's, and on its test half."""
    request = Request(target=Target(classes=(digit,)), intensity=intensity, calibrated=calibrated)
    before, now = session.attempt(request).evaluations
    known, after, test = before.value("forget_accuracy"), now.value("forget_accuracy"), now.value("forget_test_accuracy")
    assert known is not None
    assert after is not None
    assert test is not None
    return after / known, test


def measured(on: Workbench, store: RunStore, held_out: str) -> dict[str, list[tuple[float, float]]]:
    """Three runs to learn from, then one on a class that was held out, with and without what was learned."""
    for digit in LEARNED:
        with Session.begin(on, store, actor="benchmark") as session:
            for intensity in INTENSITIES:
                left(session, digit, intensity, calibrated=False)
    with Session.begin(on, store, actor="benchmark") as session:
        calibrated = [left(session, held_out, intensity, calibrated=True) for intensity in INTENSITIES]
        table = [left(session, held_out, intensity, calibrated=False) for intensity in INTENSITIES]
    return {"table": table, "calibrated": calibrated}


def furthest(found: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    """Largest distance from the promise, by the table and calibrated."""
    promises = [promised(intensity) for intensity in INTENSITIES]
    return {
        name: max(abs(seen - wanted) for (seen, _), wanted in zip(pairs, promises, strict=True)) for name, pairs in found.items()
    }


def never_rising(found: dict[str, list[tuple[float, float]]]) -> dict[str, bool]:
    """Whether more intensity never left more."""
    return {name: all(a[0] >= b[0] for a, b in pairwise(pairs)) for name, pairs in found.items()}


def main() -> None:
    """Learn on three digits, promise on three others, each with a store of its own, so that none learns from another."""
    data = mnist()
    on = bench(trained(data, MNIST.model, MNIST.recipe, 0), data)
    all_found, off, falls = {}, {}, {}
    for digit in HELD_OUT:
        with tempfile.TemporaryDirectory() as folder:
            all_found[digit] = measured(on, RunStore(Path(folder)), digit)
        off[digit], falls[digit] = furthest(all_found[digit]), never_rising(all_found[digit])
        say(f"{digit}: furthest {off[digit]}, never rising {falls[digit]}")
    rows = [
        [f"{intensity:g}", percent(promised(intensity))]
        + [percent(all_found[digit][way][place][0]) for digit in HELD_OUT for way in ("table", "calibrated")]
        for place, intensity in enumerate(INTENSITIES)
    ]
    rows.append(["furthest", ""] + [percent(off[digit][way]) for digit in HELD_OUT for way in ("table", "calibrated")])
    note = (
        f"Share of the base's accuracy on the forget set that is left, in per cent; learned on {', '.join(LEARNED)} by one run "
        f"each. Never rising: {', '.join(f'{digit} {falls[digit]}' for digit in HELD_OUT)}. Digit 7 was looked at while the "
        "rule was made; 4 and 9 were not."
    )
    columns = ["intensity", "promised", *(f"{digit}, {way}" for digit in HELD_OUT for way in ("by the table", "calibrated"))]
    write(
        "calibration", "What an intensity leaves (MNIST)", data, columns, rows, note, seeds=[0], furthest=off,
        never_rising=falls, left=all_found,
    )  # fmt: skip
