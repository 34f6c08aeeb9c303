"""How everything looks: colours in light and dark, and the switch between them.

Colours are written here once. Stylesheets take them as CSS variables (`--ls-accent`), charts that are drawn on a canvas as
values (`look.colors.accent`). The choice is kept in a cookie, so that the first thing the browser paints has the right ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

from nicegui import events, ui
from nicegui.elements.mixins.text_element import TextElement

Choice = Literal["system", "light", "dark"]
"""What a person may choose."""
Some = TypeVar("Some", bound=ui.element)
COOKIE = "lorasteer-look"
STATIC = Path(__file__).resolve().parent.parent / "static"
"""Folder of the stylesheets."""


@dataclass(frozen=True)
class Colors:
    """The colours of one look, as CSS values. Texts have a contrast of 4.5 or more on the three grounds.

    Args:
        ground: Behind everything.
        surface: Cards, the header, menus.
        sunken: Wells, tracks of bars, stripes.
        line: Lines that only part things.
        edge: Lines that show where a control is; 3 to 1 on every ground.
        text: Text.
        muted: Text of less weight.
        accent: What can be done, what is chosen, where the focus is.
        on_accent: Text on the accent.
        accent_soft: Ground of what is chosen.
        good: A change for the better.
        bad: A change for the worse, and errors.
        warn: What needs attention.
        forget: What is to be forgotten, in charts.
        retain: What is to be retained, in charts.
        band: The band to aim at, in charts.
    """

    ground: str
    surface: str
    sunken: str
    line: str
    edge: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_soft: str
    good: str
    bad: str
    warn: str
    forget: str
    retain: str
    band: str

    def css(self) -> str:
        """The colours as CSS variables, such as `--ls-on-accent`."""
        return "".join(f"--ls-{one.name.replace('_', '-')}:{getattr(self, one.name)};" for one in fields(self))


LIGHT = Colors(
    ground="#f6f7f9", surface="#ffffff", sunken="#eceff3", line="#dde2e8", edge="#818a97", text="#1a2029", muted="#545e6d",
    accent="#3b4cca", on_accent="#ffffff", accent_soft="#e7eafb", good="#17693f", bad="#b3261e", warn="#7d5200",
    forget="#b8400b", retain="#1b6496", band="#cfd8e3",
)  # fmt: skip
DARK = Colors(
    ground="#0f1216", surface="#171b21", sunken="#20262e", line="#2b323c", edge="#6f7a89", text="#e7eaef", muted="#a3adba",
    accent="#9aa7ff", on_accent="#10131f", accent_soft="#272d4d", good="#5ccf95", bad="#ff9389", warn="#e6b65c",
    forget="#ff9c66", retain="#74b9ee", band="#3a4554",
)  # fmt: skip


class Look:
    """The look of one page in one browser.

    Args:
        choice: What was chosen in this browser.
    """

    def __init__(self, choice: Choice) -> None:
        self.choice: Choice = choice
        self.dark = choice == "dark"
        """Whether it is dark; follows the system once the browser has told how that is set."""
        self._listeners: list[Callable[[Look], object]] = []
        self._mode = ui.dark_mode({"system": None, "light": False, "dark": True}[choice])
        ui.on("lorasteer-look", self._told)

    @property
    def colors(self) -> Colors:
        """The colours now, for charts that cannot read CSS variables."""
        return DARK if self.dark else LIGHT

    def on_change(self, listener: Callable[[Look], object]) -> None:
        """Call a function when the page becomes dark or light, also by the system."""
        self._listeners.append(listener)

    def choose(self, choice: Choice) -> None:
        """Take a look, and remember it in this browser."""
        self.choice = choice
        self._mode.value = {"system": None, "light": False, "dark": True}[choice]
        ui.run_javascript(f"lorasteer.look({choice!r})")

    def _told(self, event: events.GenericEventArguments) -> None:
        dark = event.args is True
        if dark != self.dark:
            self.dark = dark
            for listener in self._listeners:
                listener(self)


def apply() -> Look:
    """Give the page that is being built its colours and stylesheets. Call it once per page; `frame` does."""
    ui.add_head_html(f"<style>:root{{{LIGHT.css()}}}:root[data-look=dark]{{{DARK.css()}}}{_style()}</style>")
    ui.add_head_html(f"<script>{_SCRIPT}</script>")
    ui.run_javascript("lorasteer.show()")  # once connected: how the system is set
    return Look(_chosen())


def words(tag: str, text: str = "", classes: str = "") -> TextElement:
    """An element of HTML with a text, which is shown as it is.

    Args:
        tag: Name of the element: `h2`, `p`, `span` …
        text: What it says; markup in it is not read.
        classes: Its classes.
    """
    return TextElement(tag=tag, text=text).classes(classes)


def named(element: Some, name: str) -> Some:
    """Give an element its name for screen readers. The name may come from data: nothing in it is read as markup.

    Args:
        element: What is named.
        name: What it is called.
    """
    element.props["aria-label"] = name
    return element


def _chosen() -> Choice:
    said = ui.context.client.request.cookies.get(COOKIE, "system")
    return cast(Choice, said) if said in get_args(Choice) else "system"


def _style() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(STATIC.glob("*.css")))


_SCRIPT = """
window.lorasteer = (() => {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const chosen = () => (/(?:^|; )lorasteer-look=(light|dark)/.exec(document.cookie) || [])[1] || 'system';
  const show = () => {
    const dark = chosen() === 'system' ? system.matches : chosen() === 'dark';
    document.documentElement.dataset.look = dark ? 'dark' : 'light';
    if (window.did_handshake) emitEvent('lorasteer-look', dark);
  };
  const remember = (name, value) => {
    document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=strict`;
  };
  system.addEventListener('change', show);
  show();
  return { remember, show, look: (choice) => { remember('lorasteer-look', choice); show(); } };
})();
"""
