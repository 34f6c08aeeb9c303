"""What the parts of a page tell each other, beside what they hear from the room."""

from __future__ import annotations

from dataclasses import dataclass

from lorasteer.web.house import Stale
from lorasteer.web.views import Deed, Findings, Preview


@dataclass(frozen=True)
class Looking:
    """What the numbers show in place of the head; `findings` is None when they show the head again."""

    findings: Findings | None
    words: str = ""


@dataclass(frozen=True)
class Selected:
    """Training examples that are selected on the map."""

    index: tuple[int, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Marked:
    """Iterations that are marked in the tree, to be compared; two at most, the first marked first."""

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Problem:
    """Something that was refused: where on the page to say it, and what; an empty text takes it back."""

    place: str
    text: str


@dataclass(frozen=True)
class Overtaken:
    """A decision was not taken, because somebody else decided meanwhile; None when that has been looked at."""

    stale: Stale | None


@dataclass(frozen=True)
class Elsewhere:
    """Somebody else, or another window, did something."""

    deed: Deed


@dataclass(frozen=True)
class Moved:
    """The head was moved by this page, from an iteration; it can be moved back."""

    action: str
    back: int


@dataclass(frozen=True)
class Busy:
    """Whether a decision of this page is on its way."""

    now: bool


@dataclass(frozen=True)
class Planned:
    """What the draft would do; None while no target is named, or it is refused."""

    preview: Preview | None
