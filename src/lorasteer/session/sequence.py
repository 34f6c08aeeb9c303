"""Several targets one after the other: what each step did to its own target, to the others, and to what nobody asked for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from lorasteer.errors import SessionError
from lorasteer.records import Record
from lorasteer.session.history import BASE
from lorasteer.session.past import Past
from lorasteer.tasks.splits import Index, Part, Splits

Share = Annotated[float, Field(ge=0, le=1)]


class Accuracy(Record):
    """Accuracy on one set of examples; of text the mean probability of the right answer."""

    value: Share | None
    """The share; None where there are no such examples."""
    n: int
    """How many examples were asked about."""
    error: float = 0.0
    """Standard error of the value."""


class TargetAccuracy(Record):
    """How well one target is still recognised."""

    wording: str
    """The target in words."""
    forgotten: bool
    """Whether a request to forget it is in force."""
    train: Accuracy
    """On its training examples."""
    test: Accuracy
    """On test examples that meet it."""


class Step(Record):
    """One iteration of a sequence; number 0 is the base."""

    number: int
    """Number of the iteration."""
    action: str
    """What was done; `base` for the base."""
    wording: str
    """What it was done to, in words."""
    targets: tuple[TargetAccuracy, ...]
    """Every target of the sequence, also those that come later."""
    retained: Accuracy
    """On test examples that meet no target."""


class Effects(Record):
    """What a sequence of requests did, step by step."""

    steps: tuple[Step, ...]
    """From the base to the last iteration."""
    words: tuple[str, ...]
    """One sentence for each step after the base."""


@dataclass(frozen=True)
class _Target:
    """A target of the sequence and its examples."""

    wording: str
    train: Index
    test: Index


def effects(past: Past, number: int | None = None) -> Effects:
    """What each step on the way to an iteration did to every target and to the rest.

    Args:
        past: A session's past, `session.past`.
        number: The iteration; the head when left out.

    Raises:
        SessionError: There is no such iteration, or it is the base.
    """
    path = past.history.path(past.history.head if number is None else number)
    if path == (BASE,):
        raise SessionError("the head is the untouched base, and nothing has been asked of it; go to an iteration first.")
    targets = _targets(past, path)
    rest = _nobodys(past, path, targets)
    steps = tuple(_step(past, number, targets, rest) for number in path)
    words = tuple(_sentence(before, after) for before, after in pairwise(steps))
    return Effects(steps=steps, words=words)


def _targets(past: Past, path: Sequence[int]) -> dict[str, _Target]:
    """Every target on a path by a digest of its examples, in the order in which they were asked for."""
    found: dict[str, _Target] = {}
    for number in path:
        for asked in past.requests(number) if number != BASE else ():
            splits = past.translation(asked).splits
            found.setdefault(_key(splits), _Target(past[asked].wording, splits.forget, splits.forget_test))
    return found


def _key(splits: Splits) -> str:
    return hashlib.sha256(splits.forget.tobytes() + b"|" + splits.forget_test.tobytes()).hexdigest()


def _nobodys(past: Past, path: Sequence[int], targets: dict[str, _Target]) -> Index:
    """Test examples that meet no target of the sequence and are not held out."""
    asked = [past.translation(number).splits for number in path if number != BASE]
    free = [np.concatenate([splits.forget_test, splits.retain_test]) for splits in asked]
    taken = [target.test for target in targets.values()]
    nothing = np.empty(0, np.int64)
    return np.setdiff1d(np.concatenate([nothing, *free]), np.concatenate([nothing, *taken]))


def _step(past: Past, number: int, targets: dict[str, _Target], rest: Index) -> Step:
    change = past.change(number) if number else None

    def accuracy(part: Part, index: Index) -> Accuracy:
        if not len(index):
            return Accuracy(value=None, n=0)
        right = past.bench.right(change, part, index)
        error = right.std(correction=0).item() / math.sqrt(len(right))
        return Accuracy(value=min(1.0, right.mean().item()), n=len(right), error=error)

    in_force = {_key(past.translation(asked).splits) for asked in past.requests(number)} if number else set()
    return Step(
        number=number, action=past[number].action if number else "base", wording=past[number].wording if number else "",
        targets=tuple(
            TargetAccuracy(
                wording=target.wording, forgotten=key in in_force,
                train=accuracy("train", target.train), test=accuracy("test", target.test),
            )
            for key, target in targets.items()
        ),
        retained=accuracy("test", rest),
    )  # fmt: skip


def _sentence(before: Step, after: Step) -> str:
    moves = [*_moves(before, after), f"the rest {_move(before.retained, after.retained)}"]
    return f"iteration {after.number} ({after.action}): {'; '.join(moves)}."


def _moves(before: Step, after: Step) -> Iterator[str]:
    for was, now in zip(before.targets, after.targets, strict=True):
        pair = (was.test, now.test) if now.test.n else (was.train, now.train)
        asked = "forgotten" if now.forgotten else "not asked to be forgotten"
        yield f"{now.wording} ({asked}) {_move(*pair)}"


def _move(was: Accuracy, now: Accuracy) -> str:
    if was.value is None or now.value is None:
        return "has no examples to measure on"
    # two standard errors of a difference, at least one point: what chance explains
    chance = max(0.01, 2 * math.hypot(was.error, now.error))
    if abs(now.value - was.value) <= chance:
        return f"stays at {now.value:.1%} ({was.value:.1%} before)"
    return f"{'falls' if now.value < was.value else 'rises'} from {was.value:.1%} to {now.value:.1%}"
