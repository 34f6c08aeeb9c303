"""Maps of iterations beside each other, in one square for all, so that what moved can be read off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nicegui import ui

from lorasteer.web.parts.side_by_side import Side, called
from lorasteer.web.parts.theme import words
from lorasteer.web.parts.thumbnail import KINDS, extent_of, map_picture
from lorasteer.web.views import MapFrame, MapPoints, SessionView

NO_MAP = "No map of these iterations was kept; the workbench draws one while it unlearns."


def maps(sides: Sequence[Side], points: MapPoints | None, view: SessionView) -> None:
    """Draw the maps beside each other, in one square for all.

    Args:
        sides: The iterations.
        points: Which examples are shown; None where there is no map.
        view: The session, for how many classes there are.
    """
    fitting = {} if points is None else dict(_frames(sides, points.serial))
    if not fitting:
        words("p", NO_MAP, "ls-muted")
        return
    extent = extent_of(list(fitting.values()))
    with ui.element("div").classes("ls-sides"):
        for side in sides:
            number = side.node.number
            with ui.element("figure").classes("ls-stack ls-gap-4"):
                if points is not None and number in fitting:
                    picture = map_picture(points, fitting[number], extent, len(view.data.classes), called(number))
                    ui.html(picture, sanitize=False)
                    words("figcaption", f"{called(number)}: {_trust(fitting[number])}", "ls-small ls-muted")
                else:
                    words("p", "No map of it was kept.", "ls-map ls-empty")
                    words("figcaption", called(number), "ls-small ls-muted")
    _legend()


def _frames(sides: Sequence[Side], serial: int) -> Iterator[tuple[int, MapFrame]]:
    """Pictures of the same points: those of another target cannot be laid beside them."""
    for side in sides:
        if side.frame is not None and side.frame.serial == serial:
            yield side.node.number, side.frame


def last_picture(frames: Sequence[MapFrame]) -> MapFrame | None:
    """The picture that an iteration came to; where none was kept, the last one on the way there, and None without any.

    Args:
        frames: Pictures in their order.
    """
    finished = [frame for frame in frames if frame.step is None]
    return finished[-1] if finished else frames[-1] if frames else None


def _trust(frame: MapFrame) -> str:
    if frame.step is not None:
        return f"on the way, at step {frame.step}"
    if frame.words:
        return frame.words
    said: Mapping[str, str] = {
        "picture": "first picture", "settling": "still settling", "settled": "settled",
        "differs": "differs from what the features say",
    }  # fmt: skip
    return said[frame.status]


def _legend() -> None:
    with ui.element("ul").classes("ls-row ls-wrap ls-gap-16 ls-small ls-muted").props('aria-label="Legend of the maps"'):
        for kind in reversed(KINDS):
            with ui.element("li").classes("ls-row ls-gap-4"):
                ring = "ls-key ls-is-ring" if kind.ring else "ls-key"
                words("span", classes=ring).style(f"--ls-of: var({kind.color})").props("aria-hidden=true")
                words("span", kind.name)
