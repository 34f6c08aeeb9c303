"""From a target to the examples it names: masks over the training and the test part, and the splits they make."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import RequestError, choices
from lorasteer.records import Target
from lorasteer.steer.predicate import Column, Mask, parse
from lorasteer.tasks.splits import Holdout, Index, Part, Splits, make_splits
from lorasteer.tasks.vision.data import Examples, ImageData


@dataclass(frozen=True)
class Chosen:
    """The examples a target names.

    Args:
        train: Whether each training example is named, shape [train].
        test: Whether each test example meets the same criterion, shape [test]; all False where the target names
            training examples one by one.
        wording: The target in words, to follow the word "target".
    """

    train: Mask
    test: Mask
    wording: str


@dataclass(frozen=True)
class _Search:
    """Where a target is looked up: the data, which training examples may be drawn, and the seed of the draw."""

    data: ImageData
    free: Mask
    seed: int


def columns(data: ImageData, part: Part) -> dict[str, Column]:
    """Columns a predicate may name: `class` (its name), `id`, and every attribute of the part."""
    examples: Examples = getattr(data, part)
    return {**examples.attributes, "class": np.asarray(data.classes)[examples.labels], "id": examples.ids}


def choose(target: Target, data: ImageData, seed: int, *, holdout: Holdout | None = None) -> Chosen:
    """Find the examples a target names.

    Args:
        target: Criterion.
        data: Data set it is looked up in.
        seed: Seed of a random target; the other kinds do not use it.
        holdout: Examples a random target does not draw from.

    Raises:
        RequestError: A class, id, column or value does not occur, a file of ids cannot be read, the predicate is
            malformed, or a random target would leave nothing.
    """
    free = np.ones(len(data.train), bool)
    if holdout is not None and holdout.part == "train":
        free[holdout.index] = False
    way = next(name for name in _WAYS if getattr(target, name))
    return _WAYS[way](target, _Search(data, free, seed))


def splits_for(target: Target, data: ImageData, holdout: Holdout, seed: int) -> Splits:
    """Splits of a data set for a target.

    Args:
        target: Criterion.
        data: Data set.
        holdout: Validation examples; they are taken out of all other sets.
        seed: Seed of a random target.

    Raises:
        RequestError: As `choose`, or the target selects nothing or everything.
    """
    chosen = choose(target, data, seed, holdout=holdout)
    return make_splits(chosen.train, chosen.test, holdout, data=data.digest, wording=chosen.wording)


def positions(wanted: Iterable[str], ids: NDArray[np.str_], *, what: str) -> Index:
    """Positions of ids in the training part, in the order of `wanted`, repeats dropped.

    Args:
        wanted: Ids to find.
        ids: Ids of the training part, shape [train].
        what: What the ids are, for the message ("target ids").

    Raises:
        RequestError: Some ids do not occur; the message names the first and says how many.
    """
    names = list(dict.fromkeys(wanted))
    where = {name: place for place, name in enumerate(ids.tolist())}
    unknown = [name for name in names if name not in where]
    if unknown:
        near = difflib.get_close_matches(unknown[0], where, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise RequestError(
            f"{what}: {len(unknown)} of {len(names)} are not in the training set, the first is {unknown[0]!r}. "
            f"{hint}Training ids look like {', '.join(map(repr, ids[:2].tolist()))}."
        )
    return np.asarray([where[name] for name in names], np.int64)


def _by_class(target: Target, search: _Search) -> Chosen:
    names = search.data.classes
    for name in target.classes:
        if name not in names:
            raise RequestError(f"unknown class {name!r}. {choices(name, names)}")
    wanted = [names.index(name) for name in target.classes]
    word = "class" if len(wanted) == 1 else "classes"
    train, test = (np.isin(part.labels, wanted) for part in (search.data.train, search.data.test))
    return Chosen(train, test, f"{word} {', '.join(target.classes)}")


def _by_predicate(target: Target, search: _Search) -> Chosen:
    text = str(target.where)
    expression, known, unseen = parse(text), columns(search.data, "train"), columns(search.data, "test")
    train = expression.mask(known, known)
    missing = sorted(expression.names() - set(unseen))
    if missing:
        note = f"the test part has no column {missing[0]!r}, so no test example is selected"
        return Chosen(train, np.zeros(len(search.data.test), bool), f"where {text} ({note})")
    return Chosen(train, expression.mask(unseen, known), f"where {text}")


def _by_ids(target: Target, search: _Search) -> Chosen:
    return _listed(target.ids, search, "target ids", f"by {len(target.ids)} ids")


def _by_file(target: Target, search: _Search) -> Chosen:
    return _listed(_read_ids(Path(str(target.ids_file))), search, f"ids in {target.ids_file}", f"by ids in {target.ids_file}")


def _listed(ids: Iterable[str], search: _Search, what: str, wording: str) -> Chosen:
    train = np.zeros(len(search.data.train), bool)
    train[positions(ids, search.data.train.ids, what=what)] = True
    return Chosen(train, np.zeros(len(search.data.test), bool), wording)


def _read_ids(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RequestError(
            f"cannot read the file of ids {str(path)!r}: {reason}. Give a text file with one id per line."
        ) from error
    lines = [line.strip() for line in text.splitlines()]
    ids = [line for line in lines if line and not line.startswith("#")]
    if not ids:
        raise RequestError(f"the file of ids {str(path)!r} names no example. Write one id per line.")
    return ids


def _by_chance(target: Target, search: _Search) -> Chosen:
    size, free = int(target.random or 0), np.flatnonzero(search.free)
    if size >= len(free):
        raise RequestError(
            f"random target asks for {size} of {len(free)} training examples; nothing would be retained. "
            f"Ask for fewer than {len(free)}."
        )
    # a stream of its own: the validation examples may have been drawn with the same seed
    draw = np.random.default_rng([search.seed, 1]).choice(free, size, replace=False)
    train = np.zeros(len(search.data.train), bool)
    train[draw] = True
    return Chosen(train, np.zeros(len(search.data.test), bool), f"of {size} random training examples (seed {search.seed})")


_WAYS: dict[str, Callable[[Target, _Search], Chosen]] = {
    "classes": _by_class,
    "ids": _by_ids,
    "where": _by_predicate,
    "ids_file": _by_file,
    "random": _by_chance,
}
