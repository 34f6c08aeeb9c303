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

LEARNED, HELD_OUT = ("1", "3", "8"), "7"
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


def measured(on: Workbench, store: RunStore) -> dict[str, list[tuple[float, float]]]:
    """Three runs to learn from, then one on the class that was held out, with and without what was learned."""
    for digit in LEARNED:
        with Session.begin(on, store, actor="benchmark") as session:
            for intensity in INTENSITIES:
                left(session, digit, intensity, calibrated=False)
        say(f"learned from {digit}")
    with Session.begin(on, store, actor="benchmark") as session:
        calibrated = [left(session, HELD_OUT, intensity, calibrated=True) for intensity in INTENSITIES]
        table = [left(session, HELD_OUT, intensity, calibrated=False) for intensity in INTENSITIES]
    return {"table": table, "calibrated": calibrated}


def main() -> None:
    """Learn on three digits, promise on a fourth."""
    data = mnist()
    on = bench(trained(data, MNIST.model, MNIST.recipe, 0), data)
    with tempfile.TemporaryDirectory() as folder:
        found = measured(on, RunStore(Path(folder)))
    promises = [promised(intensity) for intensity in INTENSITIES]
    off = {
        name: max(abs(seen - wanted) for (seen, _), wanted in zip(pairs, promises, strict=True)) for name, pairs in found.items()
    }
    falls = {name: all(a[0] >= b[0] for a, b in pairwise(pairs)) for name, pairs in found.items()}
    rows = [
        [f"{intensity:g}", percent(wanted), *(percent(pair[0]) for pair in pairs), percent(pairs[1][1])]
        for intensity, wanted, *pairs in zip(INTENSITIES, promises, found["table"], found["calibrated"], strict=True)
    ]
    note = (
        f"Share of the base's accuracy on the forget set that is left, in per cent; learned on {', '.join(LEARNED)}, measured on "
        f"{HELD_OUT}. Furthest from the promise: {percent(off['table'])} points by the table, {percent(off['calibrated'])} "
        f"calibrated. Never rising: {falls['table']} and {falls['calibrated']}."
    )
    columns = ["intensity", "promised", "by the table", "calibrated", "calibrated, test half"]
    write(
        "calibration", "What an intensity leaves (MNIST, forget 7)", data, columns, rows, note, seeds=[0], furthest=off,
        never_rising=falls, left=found,
    )  # fmt: skip
