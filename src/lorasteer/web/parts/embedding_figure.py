"""A map as Plotly draws it: one WebGL trace for each group of points, places as base64 float32.

One trace for each colour is two to four times cheaper to redraw than one trace with a colour for each point. Selected points have
traces of their own and the others are dimmed; Plotly's own way to show a selection makes every redraw three times as expensive.
No name reaches Plotly, which would read `<b>` and `<a href>` in it: legend and labels are drawn by the page.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lorasteer.web.parts.embedding_colors import FAR, INK, STILL, look
from lorasteer.web.parts.embedding_points import MOVED, Group, Indices, Points, Positions, groups_of
from lorasteer.web.parts.embedding_selection import NOTHING

DIMMED = 0.15
"""Opacity of what is not selected, while something is."""

MARGIN = 0.15
"""Room around the outermost points, as a share of the map's half width; frames may grow into it before the axes move."""

SIZES = ((3000, 6.0), (20_000, 4.0))
"""Diameter of a point in pixels on maps of up to so many points; 3 beyond."""

CONFIG: dict[str, Any] = {
    "displayModeBar": False,
    "displaylogo": False,
    "doubleClick": False,
    "scrollZoom": True,
    "showTips": False,
    "plotlyServerURL": "",
    "topojsonURL": "",
}
"""Nothing is loaded from elsewhere, and nothing lies over the map."""


class Box(NamedTuple):
    """The part of the plane that is seen: its middle and half its width, in units of the map."""

    x: float
    y: float
    half: float

    def moved(self, right: float, up: float) -> Box:
        """Shifted by shares of its half width."""
        return Box(self.x + right * self.half, self.y + up * self.half, self.half)

    def zoomed(self, factor: float) -> Box:
        """Half its width times a factor; below 1 comes nearer."""
        return self._replace(half=self.half * factor)


def box_of(positions: Positions) -> Box:
    """A square around all points, with a margin.

    Example:
        >>> box_of(np.array([[0, 0], [2, 1]], np.float32))
        Box(x=1.0, y=0.5, half=1.15)
    """
    if not len(positions):
        return UNIT
    low, high = positions.min(axis=0).astype(float), positions.max(axis=0).astype(float)
    middle = (low + high) / 2
    return Box(float(middle[0]), float(middle[1]), float((high - low).max() / 2 * (1 + MARGIN)) or 1.0)


def grown_box(box: Box | None, positions: Positions) -> Box:
    """The same box while all points lie in it, else one around box and points: axes move seldom, and never inwards."""
    if box is None or not len(positions):
        return box or box_of(positions)
    far = np.abs(positions - np.array([box.x, box.y], np.float32)).max()
    if far <= box.half:
        return box
    corners = np.array([[box.x - box.half, box.y - box.half], [box.x + box.half, box.y + box.half]], np.float32)
    return box_of(np.concatenate([positions, corners]))


def encoded(values: NDArray[Any], dtype: str = "f4") -> dict[str, str]:
    """Numbers as Plotly takes them without a list: base64 of a contiguous little-endian array.

    Args:
        values: One axis.
        dtype: `f4` or `u4`.

    Example:
        >>> encoded(np.array([1.0]))
        {'dtype': 'f4', 'bdata': 'AACAPw=='}
    """
    data = np.ascontiguousarray(values, dtype=f"<{dtype}")
    return {"dtype": dtype, "bdata": base64.b64encode(data.tobytes()).decode("ascii")}


UNIT = Box(0.0, 0.0, 1.0)
"""What is seen before the first frame."""


class Layer(NamedTuple):
    """Points of one group that are drawn in one go."""

    group: Group
    members: Indices
    chosen: bool


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a drawing follows from; two equal scenes look alike.

    Attributes:
        points: What is known of each point.
        positions: float32[n, 2], finite.
        start: Places that movement is measured from.
        color_by: The colouring.
        hidden: Keys of groups that are not drawn.
        selection: Indices of selected points.
        dark: Whether the page is dark.
        box: What is seen of the plane.
        drag: What dragging does: `lasso`, `select` (a box) or `pan`.
        turn: Counts the scenes; a whole drawing of another turn takes away what a lasso has left on the plot.
    """

    points: Points
    positions: Positions
    start: Positions
    color_by: str = "class"
    hidden: frozenset[int] = frozenset()
    selection: Indices = field(default_factory=lambda: NOTHING)
    dark: bool = False
    box: Box = UNIT
    drag: str = "lasso"
    turn: int = 0

    @cached_property
    def groups(self) -> list[Group]:
        """Groups of the colouring, hidden ones too."""
        return groups_of(self.points, self.color_by)

    @cached_property
    def layers(self) -> list[Layer]:
        """What is drawn, the selected points last."""
        shown = [group for group in self.groups if group.key not in self.hidden]
        if not len(self.selection):
            return [Layer(group, group.members, False) for group in shown]
        chosen = np.zeros(len(self.points), dtype=bool)
        chosen[self.selection] = True
        split = [Layer(group, group.members[chosen[group.members] == which], which) for which in (False, True) for group in shown]
        return [layer for layer in split if len(layer.members)]

    @cached_property
    def moved(self) -> NDArray[np.float32]:
        """How far each point has moved, in units of the map."""
        away = self.positions - self.start
        far: NDArray[np.float32] = np.hypot(away[:, 0], away[:, 1]).astype(np.float32)
        return far

    @property
    def furthest(self) -> float:
        """The largest movement; the smallest positive number while nothing has moved, so that the scale has two ends."""
        return max(float(self.moved.max(initial=0.0)), float(np.finfo(np.float32).tiny))


def _places(scene: Scene, layer: Layer) -> dict[str, Any]:
    places = scene.positions[layer.members]
    found: dict[str, Any] = {"x": encoded(places[:, 0]), "y": encoded(places[:, 1])}
    if scene.color_by == MOVED:
        found |= {"marker.color": encoded(scene.moved[layer.members]), "marker.cmax": scene.furthest}
    return found


def _marker(scene: Scene, layer: Layer) -> dict[str, Any]:
    size = next((size for count, size in SIZES if len(scene.points) <= count), 3.0)
    marker: dict[str, Any] = {"size": size, "opacity": 0.85}
    if scene.color_by == MOVED:
        marker |= {"colorscale": list(enumerate((STILL[scene.dark], FAR[scene.dark]))), "cmin": 0}
    else:
        marker |= look(scene.color_by, layer.group.key, dark=scene.dark)._asdict()
    if layer.chosen:
        return marker | {"size": size + 2, "opacity": 1, "line": {"width": 1, "color": INK[scene.dark]}}
    return marker | ({"opacity": DIMMED} if len(scene.selection) else {})


def _trace(scene: Scene, layer: Layer) -> dict[str, Any]:
    places, marker = _places(scene, layer), _marker(scene, layer)
    marker |= {name.removeprefix("marker."): places.pop(name) for name in list(places) if name.startswith("marker.")}
    return {
        "type": "scattergl",
        "mode": "markers",
        "hoverinfo": "none",
        "customdata": encoded(layer.members, "u4"),
        "marker": marker,
        **places,
    }


def layout_of(scene: Scene) -> dict[str, Any]:
    """Axes of equal scale without lines or numbers, over the page's own background."""
    box = scene.box
    clear, ink = "rgba(0,0,0,0)", INK[scene.dark]
    axis = {"visible": False, "autorange": False, "fixedrange": False}
    return {
        "xaxis": {**axis, "range": [box.x - box.half, box.x + box.half]},
        "yaxis": {**axis, "range": [box.y - box.half, box.y + box.half], "scaleanchor": "x", "scaleratio": 1},
        "uirevision": repr(box),  # a drag that Python has not heard of yet survives until the box changes
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": clear,
        "plot_bgcolor": clear,
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": scene.drag,
        "selections": [],
        "selectionrevision": scene.turn,
        "newselection": {"mode": "immediate", "line": {"color": ink, "width": 2, "dash": "dot"}},
    }


def figure_of(scene: Scene) -> dict[str, Any]:
    """The whole drawing, with `data` and `layout` as `Plotly.react` takes them."""
    return {"data": [_trace(scene, layer) for layer in scene.layers], "layout": layout_of(scene)}


def empty_figure(scene: Scene) -> dict[str, Any]:
    """What a page begins with: the frame of the drawing, and no points."""
    return {"data": [], "layout": layout_of(scene), "config": CONFIG}


def places_of(scene: Scene) -> tuple[dict[str, list[Any]], list[int]]:
    """Only what a new frame changes, with the traces it is for, as `Plotly.restyle` takes them."""
    each = [_places(scene, layer) for layer in scene.layers]
    names = each[0] if each else {}
    return {name: [places[name] for places in each] for name in names}, list(range(len(each)))
