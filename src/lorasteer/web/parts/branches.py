"""Where each iteration stands in a drawing of the tree: time to the right, a lane for each branch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lorasteer.web.views import Node


class Spot(NamedTuple):
    """A place in the drawing.

    Attributes:
        column: Steps from the base.
        lane: 0 for the first branch, counted downwards.
    """

    column: int
    lane: int


def spots(nodes: Iterable[Node]) -> dict[int, Spot]:
    """Where the iterations stand. The first child goes on in its parent's lane, each further one gets a lane of its own.

    Args:
        nodes: In order of time, parents before children.

    Example:
        >>> tree = [(0, None), (1, 0), (2, 1), (3, 1)]
        >>> found = spots(Node(number=n, parent=p, action="", text="") for n, p in tree)
        >>> [tuple(found[n]) for n in (1, 2, 3)]
        [(1, 0), (2, 0), (2, 1)]
    """
    found: dict[int, Spot] = {}
    parents: set[int] = set()
    for node in nodes:
        above = found.get(node.parent) if node.parent is not None else None
        if above is None:
            found[node.number] = Spot(0, 0)
            continue
        lane = above.lane if node.parent not in parents else 1 + max(spot.lane for spot in found.values())
        found[node.number] = Spot(above.column + 1, lane)
        parents.add(node.parent or 0)
    return found


def towards(key: str, number: int, nodes: Mapping[int, Node], where: Mapping[int, Spot]) -> int:
    """The iteration that an arrow key leads to; the same one where there is none that way.

    Args:
        key: `ArrowLeft`, `ArrowRight`, `ArrowUp` or `ArrowDown`.
        number: The iteration that has the focus.
        nodes: All iterations by number.
        where: Their places.
    """
    if key == "ArrowLeft":
        parent = nodes[number].parent
        return number if parent is None else parent
    if key == "ArrowRight":
        return min((node.number for node in nodes.values() if node.parent == number), default=number)
    way = -1 if key == "ArrowUp" else 1
    here = where[number]
    lanes = [
        (abs(spot.lane - here.lane), abs(spot.column - here.column), other)
        for other, spot in where.items()
        if way * (spot.lane - here.lane) > 0
    ]
    return min(lanes)[-1] if lanes else number
