"""HTML of our own around texts of others: what is not marked as markup is escaped, so that data stays text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from nicegui import ui


class Markup(str):
    """Text that is HTML already; only `tag` and `joined` make it."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """An element around texts and other elements.

    Args:
        name: Name of the element.
        children: Elements made by `tag`, and texts, which are escaped.
        attributes: Written as `class_` for `class` and `aria_label` for `aria-label`; None leaves one out.

    Example:
        >>> tag("td", "<b>", tag("i", "x"), class_="now", title=None)
        '<td class="now">&lt;b&gt;<i>x</i></td>'
    """
    facts = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items() if value is not None
    )
    return Markup(f"<{name}{facts}>{joined(children)}</{name}>")


def joined(parts: Iterable[str]) -> Markup:
    """Elements and texts one after the other; texts are escaped.

    Example:
        >>> joined(["a < b", tag("i", "c")])
        'a &lt; b<i>c</i>'
    """
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def drawn(content: Markup | None = None) -> ui.html:
    """A place on the page for markup; `show` changes it."""
    return ui.html(content or "", sanitize=False)


def show(place: ui.html, content: Markup) -> None:
    """Change what a place shows; nothing is sent where it stays the same.

    Raises:
        TypeError: The content was not made by `tag` or `joined`; a bug of the caller.
    """
    if not isinstance(content, Markup):
        raise TypeError("only markup that was made by tag() or joined() may be shown")
    if place.content != content:
        place.set_content(content)
