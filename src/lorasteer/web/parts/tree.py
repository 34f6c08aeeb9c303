"""The history as a tree: a press goes to an iteration, two that are marked can be compared or joined."""

from __future__ import annotations

from nicegui import events, ui

from lorasteer.errors import LorasteerError
from lorasteer.session.history import BASE
from lorasteer.web.parts.branches import Spot, spots, towards
from lorasteer.web.parts.controls import ask_browser, attributes, button, named
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.markup import Markup, drawn, joined, show, tag
from lorasteer.web.parts.news import Busy, Marked, Problem
from lorasteer.web.views import Node, SessionView

COLUMN, LANE = 196, 60
"""Distance of two iterations beside and below each other, in CSS pixels."""
WIDE, HIGH = 172, 50
"""Size of one."""
PRESSED = "(e) => { if (e.key.startsWith('Arrow') || e.key === 'm') { e.preventDefault(); emit(e.key); } }"


class TreePart:
    """The tree of a session."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._cards: dict[int, ui.element] = {}
        self._toggles: dict[int, ui.button] = {}
        self._drawn: object = None
        with ui.element("div").classes("wb-tree-bar"):
            ui.label("History").classes("wb-title").props("role=heading aria-level=2")
            self._hint = ui.label().classes("wb-quiet-text").props("role=status aria-live=polite")
            self._look = button(
                "Compare here", self._compare, kind="plain", title="Show the second beside the first in the table"
            )
            self._page = ui.link("Compare page", "#").classes("wb-link")
            button_clear = button("Clear marks", self._clear)
        self._tools = (self._look, self._page, button_clear)
        self._box = named(
            ui.element("div").classes("wb-tree").props("role=group"), "Iterations; arrow keys move, Enter goes there, m marks"
        )
        desk.on(SessionView, lambda _: self._draw())
        desk.on(Marked, lambda _: self._mark())
        desk.on(Busy, lambda _: self._enable())
        self._draw()

    def focus(self) -> None:
        """Put the focus on the iteration in force."""
        self._focus(self.desk.view.head)

    def _focus(self, number: int) -> None:
        if number in self._cards:
            ask_browser(self._cards[number], "(e) => e.focus()")

    # Drawing -----------------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        view = self.desk.view
        wanted = (view.nodes, view.head, "go" in view.allowed)
        if wanted == self._drawn:
            return
        self._drawn = wanted
        self._where = spots(view.nodes)
        self._cards.clear()
        self._toggles.clear()
        self._box.clear()
        wide = COLUMN * (1 + max(spot.column for spot in self._where.values()))
        high = LANE * (1 + max(spot.lane for spot in self._where.values()))
        with self._box, ui.element("div").classes("wb-branches").style(f"width:{wide}px;height:{high}px") as inner:
            show(drawn().classes("wb-stems"), self._stems(wide, high))
            for node in view.nodes:
                self._card(node, self._where[node.number])
        attributes(inner, role="presentation")
        self._mark()
        ask_browser(self._cards[view.head], "(e) => e.scrollIntoView({block: 'nearest', inline: 'nearest'})")

    def _stems(self, wide: int, high: int) -> Markup:
        lines = []
        for node in self.desk.view.nodes:
            if node.parent in self._where:
                start, end = self._where[node.parent], self._where[node.number]
                x1, y1 = start.column * COLUMN + WIDE, start.lane * LANE + HIGH / 2
                x2, y2 = end.column * COLUMN, end.lane * LANE + HIGH / 2
                middle = (x1 + x2) / 2
                lines.append(tag("path", d=f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}", fill="none"))
        return tag("svg", *lines, width=wide, height=high, aria_hidden="true")

    def _card(self, node: Node, spot: Spot) -> None:
        place = f"left:{spot.column * COLUMN}px;top:{spot.lane * LANE}px;width:{WIDE}px;height:{HIGH}px"
        head = node.number == self.desk.view.head
        with ui.element("div").classes("wb-node-box").style(place):
            card = ui.element("button").classes("wb-node" + (" wb-head" if head else "")).props("type=button")
            attributes(
                card, **{"aria-current": "true" if head else None, "tabindex": "0" if head else "-1", "title": _about(node)}
            )
            named(card, _spoken(node, head=head), title=_about(node)).mark(f"node-{node.number}")
            with card:
                show(drawn(), _inside(node))
            card.on("click", lambda: self._go(node.number))
            card.on("keydown", lambda event: self._key(event, node.number), js_handler=PRESSED)
            toggle = (
                ui.button("⇄", on_click=lambda: self.desk.mark(node.number), color=None)
                .props("flat dense tabindex=-1")
                .classes("wb-node-mark")
            )
            named(toggle, f"Mark {_name(node)} to compare", title="Mark to compare (m)").mark(f"mark-{node.number}")
        self._cards[node.number], self._toggles[node.number] = card, toggle

    def _mark(self) -> None:
        numbers = self.desk.marked.numbers
        for number, toggle in self._toggles.items():
            attributes(toggle, **{"aria-pressed": "true" if number in numbers else "false"})
        whole = len(numbers) == 2
        words = (
            ""
            if not numbers
            else f"{numbers[0]} marked; mark another one"
            if not whole
            else f"{numbers[0]} and {numbers[1]} marked"
        )
        self._hint.set_text(words or "A press goes there, ⇄ marks two to compare.")
        for one in self._tools:
            one.set_visibility(whole)
        if whole:
            low, high = sorted(numbers)
            attributes(self._page, href=f"/session/{self.desk.view.id}/compare?iterations={low},{high}")
        self._enable()

    def _enable(self) -> None:
        self._look.set_enabled(not self.desk.busy)

    # Doing -------------------------------------------------------------------------------------------------------------------

    async def _go(self, number: int) -> None:
        if number == self.desk.view.head:
            self.desk.look(None)
        elif "go" in self.desk.view.allowed:
            await self.desk.go(number)
            self._focus(number)
        else:
            await self._only_look(number)

    async def _only_look(self, number: int) -> None:
        """While the head cannot be moved, an iteration can be looked at all the same."""
        if number == BASE:
            self.desk.tell(Problem("decision", f"cannot go to the base now: the session is {self.desk.view.state}."))
            return
        await self._show(number, None, f"Looking at iteration {number}; it is not in force")

    async def _compare(self) -> None:
        low, high = sorted(self.desk.marked.numbers)
        await self._show(high, low, f"Iteration {high} compared with {'the base' if low == BASE else low}")

    async def _show(self, number: int, before: int | None, words: str) -> None:
        try:
            self.desk.look(await self.desk.room.findings(number, before), words)
        except LorasteerError as error:
            self.desk.tell(Problem("decision", str(error)))

    def _clear(self) -> None:
        for number in self.desk.marked.numbers:
            self.desk.mark(number)
        self.desk.look(None)

    def _key(self, event: events.GenericEventArguments, number: int) -> None:
        if event.args == "m":
            self.desk.mark(number)
        else:
            nodes = {node.number: node for node in self.desk.view.nodes}
            self._focus(towards(str(event.args), number, nodes, self._where))


def _name(node: Node) -> str:
    return "the base" if node.number == BASE else f"iteration {node.number}"


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"


def _spoken(node: Node, *, head: bool) -> str:
    facts = (
        ""
        if node.number == BASE
        else f": {node.text}, target {_share(node.forgotten)} recognised, rest {_share(node.retained)} known"
    )
    return f"{_name(node)}{facts}{', in force' if head else ', go there'}"


def _about(node: Node) -> str:
    return "\n".join(filter(None, (node.text, f"why: {node.note}" if node.note else "", *node.words, node.created)))


def _inside(node: Node) -> Markup:
    number = tag("b", "base" if node.number == BASE else str(node.number))
    top = tag("span", number, " ", tag("span", "untouched" if node.number == BASE else node.text), class_="wb-node-top")
    values = [
        tag("span", f"{_share(value)}", class_=f"wb-node-{name}")
        for name, value in (("forgotten", node.forgotten), ("retained", node.retained))
    ]
    return joined([top, tag("span", *values, class_="wb-node-values")])
