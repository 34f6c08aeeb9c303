"""From a target to the examples it names: masks over the training and the test part, and the splits they make."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import RequestError, choices
from lorasteer.records import Target
from lorasteer.steer.predicate import Mask, parse
from lorasteer.tasks.data import Data
from lorasteer.tasks.splits import Holdout, Index, Part, Splits, make_splits

PARTS: tuple[Part, Part] = ("train", "test")


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

    data: Data
    free: Mask
    seed: int


def texts(data: Data, part: Part) -> NDArray[np.str_]:
    """What a model reads of each example of a part: its written columns, joined by a blank, shape [n].

    Raises:
        RequestError: The data set holds no text.
    """
    if not data.written:
        raise RequestError(f"data {data.name!r} holds no text to look into. Name a class, an attribute or ids instead.")
    columns = data.columns(part)
    return np.asarray([" ".join(row) for row in zip(*(columns[name].tolist() for name in data.written), strict=True)], np.str_)


def choose(target: Target, data: Data, seed: int, *, holdout: Holdout | None = None) -> Chosen:
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


def splits_for(target: Target, data: Data, holdout: Holdout, seed: int) -> Splits:
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
    names = getattr(search.data, "classes", ())
    if not names:
        known = search.data.columns("train")
        raise RequestError(f"data {search.data.name!r} has no classes. Say where, by one of its columns: {', '.join(known)}.")
    for name in target.classes:
        if name not in names:
            raise RequestError(f"unknown class {name!r}. {choices(name, names)}")
    word = "class" if len(set(target.classes)) == 1 else "classes"
    train, test = (np.isin(search.data.columns(part)["class"], target.classes) for part in PARTS)
    return Chosen(train, test, f"{word} {', '.join(target.classes)}")


def _by_keyword(target: Target, search: _Search) -> Chosen:
    keyword = str(target.keyword).strip()
    pattern = re.compile(rf"(?<!\w){re.escape(keyword.casefold())}(?!\w)")
    read = {part: [text.casefold() for text in texts(search.data, part).tolist()] for part in PARTS}
    train, test = (np.asarray([bool(pattern.search(text)) for text in read[part]], bool) for part in PARTS)
    if not train.any():
        raise RequestError(f"no training example holds the word {keyword!r}. {_nearest_word(keyword, read['train'])}")
    return Chosen(train, test, f"keyword {keyword!r}")


def _nearest_word(keyword: str, read: Iterable[str]) -> str:
    words = sorted({word for text in read for word in re.findall(r"\w+", text)})
    near = difflib.get_close_matches(keyword.casefold(), words, n=3)
    return f"Near it: {', '.join(near)}." if near else "Look for a word that occurs in prompts or answers."


def _by_predicate(target: Target, search: _Search) -> Chosen:
    text = str(target.where)
    expression, known, unseen = parse(text), search.data.columns("train"), search.data.columns("test")
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
    "keyword": _by_keyword,
    "ids_file": _by_file,
    "random": _by_chance,
}
