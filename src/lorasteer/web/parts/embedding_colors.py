"""Colours and symbols of the map, for light and dark pages.

Classes get Petroff's ten colours (arXiv:2107.02270), which stay apart under the common colour blindnesses; a second round of ten
changes the symbol. What is not a class has a symbol of its own for each group, so that colour never says anything alone.
"""

from __future__ import annotations

from typing import NamedTuple

CLASS_COLORS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip

DARK = {"#832db6": "#9042f5"}
"""One of the ten is too near to a dark page; this one has a contrast of 3.8 to it and stays apart from the other nine."""

SYMBOLS = {
    "circle": "●", "square": "■", "diamond": "◆", "triangle-up": "▲", "triangle-down": "▼",
    "cross": "✚", "x": "✖", "star": "★", "hexagon": "⬢", "pentagon": "⬟",
}  # fmt: skip
"""Symbols of the plot, and the letters that show them in the legend."""

NAMES = tuple(SYMBOLS)

STILL, FAR = ("#94a4a2", "#717581"), ("#bd1f01", "#ffa90e")
"""Ends of the scale of movement, still and far, on a light and on a dark page."""

INK = ("#111827", "#f9fafb")
"""Outlines of what is selected, on a light and on a dark page."""


class Look(NamedTuple):
    """How a group is drawn.

    Attributes:
        color: As `#rrggbb`.
        symbol: Name of the symbol in the plot.
    """

    color: str
    symbol: str

    @property
    def letter(self) -> str:
        """The symbol as a letter."""
        return SYMBOLS[self.symbol]


def _class_look(key: int) -> Look:
    return Look(CLASS_COLORS[key % 10], NAMES[key // 10 % len(NAMES)])


PART_LOOKS = (Look("#e76300", "diamond"), Look("#3f90da", "circle"), Look("#94a4a2", "circle"))
CHANGE_LOOKS = (Look("#3f90da", "circle"), Look("#bd1f01", "x"), Look("#b9ac70", "triangle-up"), Look("#94a4a2", "square"))


def look(color_by: str, key: int, *, dark: bool) -> Look:
    """Colour and symbol of a group.

    Args:
        color_by: The colouring.
        key: Key of the group in it.
        dark: Whether the page is dark.

    Example:
        >>> look("class", 12, dark=False)
        Look(color='#bd1f01', symbol='square')
    """
    fixed = {"part": PART_LOOKS, "changed": CHANGE_LOOKS}.get(color_by)
    found = fixed[key] if fixed else _class_look(key)
    return found._replace(color=DARK.get(found.color, found.color)) if dark else found
