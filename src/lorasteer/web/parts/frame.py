"""What is around every page: the bar on top with place, name, state, actor and look, and the main landmark under it.

A page is built inside of it:

    with frame("Cats", place={"Library": "/"}, state=view.state) as top:
        ...
    top.say_state("unlearning")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from nicegui import ui

from lorasteer.web.actors import LONGEST, clean_actor, system_user
from lorasteer.web.parts import theme
from lorasteer.web.parts.theme import Look, named, words
from lorasteer.web.parts.toast import Undo, toast

STATES: Mapping[str, tuple[str, str]] = {
    "idle": ("nothing asked yet", ""),
    "unlearning": ("unlearning", "busy"),
    "evaluating": ("measuring", "busy"),
    "reviewing": ("ready for you", "good"),
    "closed": ("closed", ""),
}
"""What each state of a session is called on a chip, and its colour."""
ACTOR_COOKIE = "lorasteer-actor"
PAGE: Mapping[str, Any] = {"language": "en-US", "dark": None, "reconnect_timeout": 30}
"""What every `ui.page` is given: the language for screen readers, the look of the system, time to come back."""
OPENING = 60.0
"""Seconds that a page may take until it is there, because its session may have to be opened first."""
_BRAND = (
    '<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="var(--ls-accent)" stroke-width="2" stroke-linecap="round">'
    '<path d="M4 18a9 9 0 0 1 16 0"/><path d="M12 18 16.5 9"/>'
    '<circle cx="12" cy="18" r="2" fill="var(--ls-accent)" stroke="none"/>'
    '<path d="M4.5 12.5 3 11M12 7V5M19.5 12.5 21 11"/></svg>'
)


class StateChip:
    """Says in which state a session is, also to screen readers.

    Args:
        state: A state of the table, or other words; empty shows nothing.
    """

    def __init__(self, state: str = "") -> None:
        with ui.element("span").classes("ls-chip").props('role=status aria-live=polite data-testid="state"') as self._chip:
            words("span", classes="ls-dot").props("aria-hidden=true")
            self._said = words("span")
        self.say(state)

    def say(self, state: str) -> None:
        """Show another state."""
        text, kind = STATES.get(state, (state, ""))
        self._said.text = text
        self._chip.classes(replace=f"ls-chip ls-is-{kind}" if kind else "ls-chip")
        self._chip.set_visibility(bool(state))


class Frame:
    """The bar of one page in one browser.

    Args:
        look: Colours of the page.
        state: State of the session that is shown.
        on_help: What the help button does; None leaves it out.
    """

    def __init__(self, look: Look, state: str, on_help: Callable[[], object] | None) -> None:
        self.look = look
        self._client = ui.context.client
        self.actor = actor_of_browser()
        """Who acts in this browser, for the log."""
        self._chip = StateChip(state)
        words("span", classes="ls-grow")
        with ui.element("div").classes("ls-tools"):
            self.tools = ui.element("div").classes("ls-tools")
            """Place for what a page adds to the bar."""
            self._who()
            _look_menu(look)
            if on_help:
                _icon("help_outline", "Help and keys").on_click(on_help).tooltip("Help and keys")

    def say_state(self, state: str) -> None:
        """Show another state of the session."""
        self._chip.say(state)

    def toast(self, text: str, undo: Undo | None = None) -> None:
        """Say what was done on this page, and offer to take it back; also from a handler whose own button is gone by now."""
        toast(text, undo, client=self._client)

    def _who(self) -> None:
        with ui.button(self.actor, icon="person_outline", color=None).props("flat").classes("ls-who") as button:
            named(button.props("aria-haspopup=dialog"), f"You act as {self.actor}; change your name")
            with ui.menu().props('role="dialog" aria-label="Your name"') as menu, ui.element("div").classes("ls-stack q-pa-md"):
                field = ui.input("Your name in the log", value=self.actor).props(f"outlined dense maxlength={LONGEST}")

                def keep() -> None:
                    self.actor = clean_actor(field.value or "") or system_user()
                    button.text = self.actor
                    named(button, f"You act as {self.actor}; change your name")
                    remember(ACTOR_COOKIE, self.actor)
                    menu.close()

                field.on("keydown.enter", keep)
                ui.button("Keep", on_click=keep).props("unelevated")


@contextmanager
def frame(
    name: str, *, place: Mapping[str, str] | None = None, state: str = "", wide: bool = False,
    on_help: Callable[[], object] | None = None,
) -> Iterator[Frame]:  # fmt: skip
    """Build a page inside the bar and the main landmark.

    Args:
        name: What the page shows; its heading and title.
        place: The way to it from the library: words and addresses.
        state: State of the session that is shown; empty for none.
        wide: Whether it takes the whole width, as the workbench does.
        on_help: What the help button does; None leaves it out.
    """
    look = theme.apply()
    ui.page_title(f"{name} · lorasteer" if name else "lorasteer")
    with ui.header(wrap=False).classes("ls-bar"):
        with ui.link(target="/").classes("ls-brand").props('aria-label="lorasteer: library"'):
            ui.html(_BRAND, sanitize=False)
            words("span", "lorasteer")
        _place(name, place or {})
        top = Frame(look, state, on_help)
    # NiceGUI's page is the main landmark already; this is the place in it where the content begins
    with ui.element("div").classes("ls-main ls-wide" if wide else "ls-main").props("tabindex=-1") as content:
        ui.skip_link("Skip to the content", target=content)
        yield top


def actor_of_browser() -> str:
    """The name that was given in this browser, or the user of this machine."""
    said = ui.context.client.request.cookies.get(ACTOR_COOKIE, "")
    return clean_actor(unquote(said)) or system_user()


def remember(cookie: str, value: str) -> None:
    """Keep something in this browser."""
    ui.run_javascript(f"lorasteer.remember({cookie!r}, decodeURIComponent('{_quoted(value)}'))")


def _quoted(value: str) -> str:
    """A text in ASCII letters and percent signs, which can do nothing inside of a script."""
    return "".join(f"%{byte:02X}" for byte in value.encode())


def _place(name: str, place: Mapping[str, str]) -> None:
    with ui.element("nav").props('aria-label="Place"').classes("ls-place"), ui.element("ol"):
        for text, address in place.items():
            with ui.element("li"):
                ui.link(text, address)
        with ui.element("li"):
            words("h1", name, "ls-cut").props("aria-current=page")


def _look_menu(look: Look) -> None:
    with _icon("contrast", "Colours") as button:
        button.props("aria-haspopup=menu")
        with ui.menu().props("auto-close"):
            for choice, text in (("system", "As the system"), ("light", "Light"), ("dark", "Dark")):
                ui.menu_item(text, lambda choice=choice: look.choose(choice)).props("role=menuitem")


def _icon(icon: str, label: str) -> ui.button:
    return named(ui.button(icon=icon, color=None).props("flat round"), label)
