"""The few lines that run in the browser: they turn what a person does on the map into small messages.

Plotly hands over every selected point with its whole trace, which no socket takes. So a selection leaves the browser as a bit
mask, and a point as its number. Plotly knows the number as `customdata`.
"""

from __future__ import annotations

KEYS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "=", "-", "0", "Escape")
"""Keys that the map answers to."""


def selecting(html_id: str) -> str:
    """A lasso or box is being drawn; if the shift key was held at any stroke, it will be added to what is selected."""
    return f"""() => {{
  const plot = document.getElementById({html_id!r});
  plot.lasso = {{ add: !!(plot.lasso?.add || window.event?.shiftKey) }};
  emit();
}}"""


def selected(html_id: str) -> str:
    """A finished lasso or box: the mask of what lies in it, and whether it is to be added to what is selected.

    Plotly says `selected` also when it is drawn anew with a selection, and then of points that have moved since; only what
    follows a drag is a person's.
    """
    return f"""(event) => {{
  const plot = document.getElementById({html_id!r});
  const lasso = plot.lasso;
  plot.lasso = undefined;
  if (!lasso || !event || !event.points) return;
  let top = -1;
  for (const point of event.points) top = Math.max(top, point.customdata);
  const mask = new Uint8Array((top >> 3) + 1);
  for (const point of event.points) mask[point.customdata >> 3] |= 1 << (point.customdata & 7);
  let text = "";
  for (const byte of mask) text += String.fromCharCode(byte);
  emit(btoa(text), lasso.add);
}}"""


POINTED = "(event) => emit(event.points.length ? event.points[0].customdata : null)"
"""The point that was clicked."""

HOVER = 50
"""Milliseconds between two words of where the mouse is."""


def hovering(html_id: str, *, over: bool) -> str:
    """The mouse has come over a point, or left it. Both share a clock, so that the last word is always the true one."""
    return f"""(event) => {{
  const plot = document.getElementById({html_id!r});
  plot.under = {"event.points.length ? event.points[0].customdata : null" if over else "null"};
  plot.clock ??= setTimeout(() => {{
    plot.clock = undefined;
    if (plot.told !== plot.under) emit((plot.told = plot.under));
  }}, {HOVER});
}}"""


ZOOMED = """(event) => {
  const ends = ["xaxis.range[0]", "xaxis.range[1]", "yaxis.range[0]", "yaxis.range[1]"].map((name) => event[name]);
  if (ends.every(Number.isFinite)) emit(ends);
}"""
"""A person has dragged or zoomed the map. Ranges that Python sets have other names, and are not sent back."""


def resized(html_id: str) -> str:
    """The map has another size than before. Plotly says so at every drawing, so the sizes are compared."""
    return f"""() => {{
  const plot = document.getElementById({html_id!r});
  const size = plot.clientWidth + "x" + plot.clientHeight;
  const before = plot.size;
  plot.size = size;
  if (before && before !== size) emit();
}}"""


PRESSED = f"""(event) => {{
  if (event.ctrlKey || event.metaKey || event.altKey || !{list(KEYS)}.includes(event.key)) return;
  event.preventDefault();
  emit(event.key);
}}"""
"""A key on the focused map. The others keep their meaning for the page."""


def ready(html_id: str) -> str:
    """Answers when the plot is there to be drawn on; false when it never came."""
    return f"""
  for (let tries = 0; tries < 1000; tries++) {{
    if (document.getElementById({html_id!r})?._fullLayout) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }}
  return false;
"""
