"""The tree of iterations and the one in force: pure, and never less than it was. Undoing moves the head and removes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from lorasteer.errors import SessionError, choices
from lorasteer.records import Iteration

BASE = 0
"""Number of the untouched base, the root of every tree."""


@dataclass(frozen=True)
class History:
    """Iterations by number, each with the one it went on from.

    Args:
        parents: Parent of each iteration, by its number, in the order in which they were made.
        head: The iteration in force; 0 is the untouched base.

    Example:
        >>> tree = History().grown(1, 0).grown(2, 1).moved(1).grown(3, 1)
        >>> tree.head, tree.children(1), tree.path(3), tree.leaves
        (3, (2, 3), (0, 1, 3), (2, 3))
    """

    parents: Mapping[int, int] = field(default_factory=dict)
    head: int = BASE

    @classmethod
    def of(cls, iterations: Iterable[Iteration], head: int = BASE) -> Self:
        """The tree that some iterations form."""
        return cls({iteration.number: iteration.parent for iteration in iterations}, head)

    @property
    def next(self) -> int:
        """Number of the iteration that would be made next."""
        return max(self.parents, default=BASE) + 1

    @property
    def leaves(self) -> tuple[int, ...]:
        """Ends of the branches."""
        return tuple(number for number in self.parents if not self.children(number))

    def grown(self, number: int, parent: int) -> Self:
        """With a new iteration, which becomes the head.

        Raises:
            SessionError: The parent is no iteration, or the number is taken.
        """
        if number in self.parents or number <= BASE:
            raise SessionError(f"iteration {number} is there already; the next number is {self.next}.")
        self._check(parent)
        return replace(self, parents={**self.parents, number: parent}, head=number)

    def moved(self, head: int) -> Self:
        """With another head.

        Raises:
            SessionError: There is no such iteration.
        """
        self._check(head)
        return replace(self, head=head)

    def undone(self) -> Self:
        """With the parent of the head as head; the base stays the base."""
        return replace(self, head=self.parent(self.head))

    def parent(self, number: int) -> int:
        """What an iteration went on from; the base has no other below it."""
        self._check(number)
        return self.parents.get(number, BASE)

    def children(self, number: int) -> tuple[int, ...]:
        """Iterations that went on from one."""
        return tuple(child for child, parent in self.parents.items() if parent == number)

    def path(self, number: int) -> tuple[int, ...]:
        """From the base to an iteration, both included.

        Raises:
            SessionError: There is no such iteration.
        """
        self._check(number)
        way = [number]
        while way[-1] != BASE:
            way.append(self.parents[way[-1]])
        return tuple(reversed(way))

    def _check(self, number: int) -> None:
        if number != BASE and number not in self.parents:
            raise SessionError(f"there is no iteration {number}. {choices(str(number), map(str, (BASE, *self.parents)))}")
