"""How sure the model is of the true class: what is forgotten beside examples it never saw."""

from __future__ import annotations

from lorasteer.web.parts.charts import BOTTOM, HEIGHT, Series, across, line, plot, up
from lorasteer.web.parts.markup import Markup, tag
from lorasteer.web.views import Histogram


def histogram(found: Histogram | None) -> Markup:
    """Bars for what is forgotten, a line for unseen examples; equal shapes are what a retrained model gives."""
    if found is None:
        return tag("p", "Confidence in the true class comes here once there is something to compare with.", class_="wb-empty")
    top = max((*found.forget, *found.unseen, 1e-9))
    low, span = found.edges[0], (found.edges[-1] - found.edges[0]) or 1.0
    ends = [(edge - low) / span for edge in found.edges]
    bars = [_bar(ends[place], ends[place + 1], share / top) for place, share in enumerate(found.forget)]
    outline = [
        point
        for place, share in enumerate(found.unseen)
        for point in ((ends[place], share / top), (ends[place + 1], share / top))
    ]
    unseen = found.unseen_are or "unseen examples"
    legend = tag(
        "p", tag("i", "", class_="wb-key-forget"), "forget set ", tag("i", "", class_="wb-key-unseen"), unseen, class_="wb-legend"
    )
    ticks = [(0.0, f"{found.edges[0]:g}"), (0.5, "probability of the true class"), (1.0, f"{found.edges[-1]:g}")]
    drawing = plot([*bars, line(Series("unseen", outline))], words=_words(found, unseen), ticks=ticks, top=top)
    return tag("div", legend, drawing, tag("p", "Equal shapes are what a retrained model gives.", class_="wb-quiet-text"))


def _bar(left: float, right: float, share: float) -> Markup:
    x, y = across(left), up(share)
    return tag(
        "rect",
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{max(0.5, across(right) - x - 1):.1f}",
        height=f"{HEIGHT - BOTTOM - y:.1f}",
        class_="wb-forget-fill",
    )


def _words(found: Histogram, unseen: str) -> str:
    def sure(shares: tuple[float, ...]) -> str:
        low = sum(share for edge, share in zip(found.edges[1:], shares, strict=True) if edge <= 0.5 + 1e-9)
        return f"{low:.0%} below one half"

    return f"Probability of the true class. Forget set: {sure(found.forget)}. {unseen}: {sure(found.unseen)}."
