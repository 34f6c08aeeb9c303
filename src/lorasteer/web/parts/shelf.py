"""The sessions of the library: what each forgets, where it stands, how much is left; to search, sort, remove and bring back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from nicegui import ui

from lorasteer.errors import UserError
from lorasteer.web.house import House
from lorasteer.web.parts.frame import Frame, StateChip
from lorasteer.web.parts.theme import named, words
from lorasteer.web.parts.thumbnail import accuracy_bars
from lorasteer.web.views import RunView

MANY = 8
"""With more sessions than these, there are a search field and a choice of order."""
ORDERS: Mapping[str, tuple[str, Callable[[RunView], tuple[object, ...]], bool]] = {
    "newest": ("Newest first", lambda run: (run.created,), True),
    "name": ("By name", lambda run: ((run.name or run.id).casefold(),), False),
    "forgotten": ("Least left to forget", lambda run: (run.forgotten is None, run.forgotten or 0.0), False),
    "retained": ("Most retained", lambda run: (run.retained is None, -(run.retained or 0.0)), False),
}
"""Words, key and direction of each order; what has no number comes last."""
EMPTY = "No session yet. Pick a base model, say what it must forget, press Begin, and watch it happen; every step can be undone."


def found(runs: Sequence[RunView], said: str, order: str) -> list[RunView]:
    """The sessions that match every typed word, in an order of `ORDERS`.

    Args:
        runs: All of them.
        said: Words typed; matched with name, target, base, data, state and id.
        order: How they are sorted.
    """
    _, key, reverse = ORDERS[order]
    asked = said.casefold().split()
    chosen = [run for run in runs if all(word in _text(run) for word in asked)]
    return sorted(chosen, key=key, reverse=reverse)


def _text(run: RunView) -> str:
    return " ".join((run.name, run.target, run.base, run.data, run.state, run.id)).casefold()


def day(stamp: str) -> str:
    """A time in words of this place; what is not a time stays as it is.

    Example:
        >>> day("yesterday")
        'yesterday'
    """
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%d %b %Y, %H:%M")
    except ValueError:
        return stamp


class Shelf:
    """The list of sessions.

    Args:
        house: Where they are.
        top: The bar, which knows who acts.
    """

    def __init__(self, house: House, top: Frame) -> None:
        self._house, self._top = house, top
        self._runs: tuple[RunView, ...] = ()
        self._said, self._order = "", "newest"
        with ui.element("section").classes("ls-stack ls-gap-16").props("aria-labelledby=shelf-title"):
            with ui.element("div").classes("ls-row ls-wrap ls-shelf-head"):
                words("h2", "Sessions").props("id=shelf-title")
                self._count = words("span", classes="ls-muted ls-num").props("aria-live=polite")
                words("span", classes="ls-grow")
                self._finding = ui.element("div").classes("ls-row")
            self._list = ui.element("ul").classes("ls-stack")
        with self._finding:
            self._search_field()

    def _search_field(self) -> None:
        field = ui.input("Search", on_change=lambda event: self._find(said=event.value or "")).props("outlined dense clearable")
        field.classes("ls-search").props("type=search debounce=150")
        texts = {order: text for order, (text, _, _) in ORDERS.items()}
        chosen = ui.select(texts, value="newest", label="Order", on_change=lambda event: self._find(order=event.value))
        chosen.props("outlined dense options-dense").classes("ls-order")

    def _find(self, *, said: str | None = None, order: str | None = None) -> None:
        self._said = self._said if said is None else said
        self._order = order or self._order
        self._draw()

    def show(self, runs: tuple[RunView, ...]) -> None:
        """Show these sessions; nothing is drawn again when they are the same."""
        if runs != self._runs or not runs:
            self._runs = runs
            self._draw()

    def _draw(self) -> None:
        self._finding.set_visibility(len(self._runs) > MANY)
        shown = found(self._runs, self._said, self._order)
        total = len(self._runs)
        self._count.text = f"{total}" if len(shown) == total else f"{len(shown)} of {total}"
        self._list.clear()
        with self._list:
            for run in shown:
                self._card(run)
            if not shown:
                with ui.element("li").classes("ls-card ls-empty"):
                    words("p", f"No session matches “{self._said}”." if total else EMPTY)

    def _card(self, run: RunView) -> None:
        with ui.element("li").classes("ls-card ls-run"):
            ui.html(accuracy_bars(run.forgotten, run.retained), sanitize=False).classes("ls-thumb")
            with ui.element("div").classes("ls-stack ls-gap-4 ls-grow"):
                with ui.element("div").classes("ls-row ls-wrap"):
                    with ui.link(target=f"/session/{run.id}").classes("ls-title ls-cut"):
                        words("span", run.name or run.target or run.id)
                    StateChip(run.state)
                if run.target:
                    words("p", f"forget {run.target}", "ls-cut")
                words("p", _about(run), "ls-small ls-muted ls-cut")
            _numbers(run)
            self._actions(run)

    def _actions(self, run: RunView) -> None:
        called = run.name or run.id
        with ui.element("div").classes("ls-row ls-gap-4 ls-actions"):
            if run.iterations:
                _go("compare_arrows", f"Compare iterations of {called}", f"/session/{run.id}/compare")
                _go("download", f"Export {called}", f"/session/{run.id}/export")
            button = ui.button(icon="delete_outline", color=None, on_click=lambda: self._remove(run)).props("flat round")
            named(button, f"Remove {called}").tooltip("Remove")

    async def _remove(self, run: RunView) -> None:
        async def back() -> None:
            await self._house.restore(run.id)
            await self.refresh()

        try:
            await self._house.remove(run.id, actor=self._top.actor)
        except UserError as error:
            self._top.toast(str(error))
            return
        await self.refresh()
        self._top.toast(f"Removed {run.name or run.id}", back)

    async def refresh(self) -> None:
        """Look again which sessions there are."""
        self.show((await self._house.library()).runs)


def _about(run: RunView) -> str:
    times = "1 iteration" if run.iterations == 1 else f"{run.iterations} iterations"
    return f"{run.base} · {run.data} · {times} · {day(run.created)}"


def _numbers(run: RunView) -> None:
    with ui.element("dl").classes("ls-numbers ls-num"):
        for name, value, kind in (("left to forget", run.forgotten, "forget"), ("retained", run.retained, "retain")):
            with ui.element("div"):
                words("dt", name, "ls-small ls-muted")
                words("dd", "n/a" if value is None else f"{value:.1%}", f"ls-figure ls-is-{'none' if value is None else kind}")


def _go(icon: str, label: str, address: str) -> None:
    button = ui.button(icon=icon, color=None, on_click=lambda: ui.navigate.to(address)).props("flat round")
    named(button, label).tooltip(label.split(" of ")[0] if " of " in label else "Export")
