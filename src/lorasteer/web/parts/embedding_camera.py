"""Which part of the plane a map shows: all of it, until a person goes somewhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lorasteer.web.parts.embedding_figure import UNIT, Box, box_of, grown_box
from lorasteer.web.parts.embedding_points import Positions

STEP = 0.2
"""How far an arrow key moves, as a share of what is seen."""

MOVES = {"ArrowLeft": (-STEP, 0.0), "ArrowRight": (STEP, 0.0), "ArrowUp": (0.0, STEP), "ArrowDown": (0.0, -STEP)}
ZOOMS = {"+": 0.8, "=": 0.8, "-": 1.25}

NEAREST, FURTHEST = 1e-3, 1e2
"""Ends of the zoom by keys, as shares of the whole map."""


@dataclass
class Camera:
    """What is seen.

    Attributes:
        home: The whole map; None before the first frame.
        away: Where a person went; None while they see the whole map.
    """

    home: Box | None = None
    away: Box | None = None

    @property
    def box(self) -> Box:
        """What is seen now."""
        return self.away or self.home or UNIT

    def follow(self, positions: Positions) -> bool:
        """See to it that a frame fits in the whole map; returns whether it had to grow."""
        before, self.home = self.home, grown_box(self.home, positions)
        return before != self.home

    def fit(self, positions: Positions) -> None:
        """See the whole map as it is now."""
        self.home, self.away = box_of(positions), None

    def forget(self) -> None:
        """As before the first frame."""
        self.home = self.away = None

    def went(self, ends: Sequence[float]) -> None:
        """A person has dragged or zoomed so far that these are left, right, lower and upper end."""
        left, right, low, high = (float(end) for end in ends)
        self.away = Box((left + right) / 2, (low + high) / 2, min(right - left, high - low) / 2)

    def press(self, key: str) -> None:
        """Move or zoom by a key; other keys do nothing.

        Example:
            >>> camera = Camera(home=Box(0.0, 0.0, 1.0))
            >>> camera.press("ArrowRight")
            >>> camera.press("-")
            >>> camera.box
            Box(x=0.2, y=0.0, half=1.25)
        """
        if key in MOVES:
            self.away = self.box.moved(*MOVES[key])
        elif key in ZOOMS:
            nearer = self.box.zoomed(ZOOMS[key])
            whole = (self.home or UNIT).half
            self.away = nearer._replace(half=min(max(nearer.half, NEAREST * whole), FURTHEST * whole))
