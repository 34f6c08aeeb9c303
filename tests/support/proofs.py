"""What a test proves of an attack, said at the test: so that an attack without one of the four proofs can be named."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, TypeVar

Proof = Literal["hand", "invariance", "power", "null"]
PROOFS: dict[Proof, str] = {
    "hand": "a number worked by hand",
    "invariance": "that the model stays as it was",
    "power": "that it finds a planted leak",
    "null": "that it does not cry wolf",
}
DRAWS = 50
"""Models that never saw the target, at least, that a rate of false alarms is measured over."""
ROOT = Path(__file__).resolve().parent.parent.parent
Test = TypeVar("Test", bound=Callable[..., object])


def proves(proof: Proof, *attacks: str, draws: int = 0) -> Callable[[Test], Test]:
    """Say at a test what it proves, of which attacks.

    Args:
        proof: One of the four.
        attacks: Names under which they are registered.
        draws: Over how many draws a null test measures the rate of false alarms.

    Raises:
        ValueError: A null test has fewer than `DRAWS` draws.

    Example:
        >>> @proves("null", "guessing", draws=60)
        ... def test_guessing_raises_no_alarm() -> None: ...
        >>> proofs_of([test_guessing_raises_no_alarm])
        {'guessing': {'null'}}
    """
    if proof == "null" and draws < DRAWS:
        raise ValueError(f"a rate of false alarms is measured over {DRAWS} draws at least, not {draws}")

    def said(test: Test) -> Test:
        vars(test).setdefault("proves", []).extend((proof, attack) for attack in attacks)
        return test

    return said


def proofs_of(tests: Iterable[object]) -> dict[str, set[Proof]]:
    """What some tests prove, by attack."""
    found: dict[str, set[Proof]] = {}
    for test in tests:
        for proof, attack in getattr(test, "proves", ()):
            found.setdefault(attack, set()).add(proof)
    return found


def proofs_in(folder: Path) -> dict[str, set[Proof]]:
    """What the tests in the files of a folder, not of those below it, prove, by attack."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(folder.glob("test_*.py"))]
    return proofs_of(test for name in names for test in vars(importlib.import_module(name)).values())


def lacking(attacks: Iterable[str], found: dict[str, set[Proof]]) -> list[str]:
    """What is not proved of some attacks, one line each.

    Example:
        >>> lacking(["guessing"], {"guessing": {"hand", "invariance", "null"}})
        ["no test of 'guessing' proves that it finds a planted leak (power)"]
    """
    return [
        f"no test of {attack!r} proves {words} ({proof})"
        for attack in attacks
        for proof, words in PROOFS.items()
        if proof not in found.get(attack, set())
    ]
