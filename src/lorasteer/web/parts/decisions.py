"""What can be decided now: one button for each action that the state table allows, and how far the work is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import events, ui

from lorasteer.session.states import MEANINGS
from lorasteer.session.steps import Combine, Continue, Drop, Stop, Undo
from lorasteer.web.parts.controls import Complaint, attributes, button, named
from lorasteer.web.parts.desk import Desk
from lorasteer.web.parts.markup import drawn, joined, show, tag
from lorasteer.web.parts.news import Busy, Marked, Problem
from lorasteer.web.views import Progress, SessionView

WORDS = {
    "start": "Forget", "continue": "Continue", "adjust": "Adjust", "undo": "Undo", "stop": "Stop", "interrupt": "Interrupt",
    "also": "Also forget", "commit": "Keep strength", "combine": "Combine", "drop": "Drop", "goal": "Goal", "dial": "Dial",
    "go": "Go to",
}  # fmt: skip
KEYS = {
    "start": "f", "continue": "c", "adjust": "a", "undo": "u", "interrupt": "i", "stop": "s", "dial": "d", "goal": "g", "go": "h",
}  # fmt: skip
"""The key that does the same."""
FIRST = ("start", "continue", "adjust", "undo", "interrupt", "stop")
"""Actions that are large buttons; the others stand in a row below."""
CLOSED = "This session is closed. Its iterations stay to be read and exported."
MAIN = frozenset({"start", "continue", "interrupt"})


class DecisionBar:
    """The bar with the buttons.

    Args:
        desk: The page's place at the session.
        elsewhere: What actions do that are taken in another part of the page, such as `dial` and `go`.
    """

    def __init__(self, desk: Desk, elsewhere: Mapping[str, Callable[[], Any]]) -> None:
        self.desk, self._elsewhere = desk, elsewhere
        self._shown: tuple[str, ...] | None = None
        with named(ui.element("section").classes("wb-decide"), "Decide"):
            self._work = drawn().classes("wb-work")
            self.problem = Complaint()
            self._large = ui.element("div").classes("wb-large")
            self._small = ui.element("div").classes("wb-small")
            self._why = ui.input(placeholder="Why (for the log)", on_change=self._reason).props("dense outlined maxlength=300")
            named(self._why.classes("wb-why"), "Why you decide so, for the log")
        self._dialog()
        desk.on(SessionView, lambda _: self._draw())
        desk.on(Progress, self._progress)
        desk.on(Busy, lambda _: self._enable())
        desk.on(Marked, lambda _: self._enable())
        desk.on(Problem, lambda news: self.problem.say(news.text) if news.place == "decision" else None)
        self._draw()

    def _reason(self, event: events.ValueChangeEventArguments[Any]) -> None:
        self.desk.why = str(event.value or "")

    def _dialog(self) -> None:
        with ui.dialog() as self._sure, ui.card().classes("wb-dialog"):
            ui.label("Stop this session?").classes("wb-title").props("role=heading aria-level=2")
            ui.label("Everything stays to be read and exported, but nothing more can be asked of it.")
            with ui.row().classes("wb-row"):
                button("Stop it", self._stop, kind="main")
                button("Go on", self._sure.close, kind="plain")
        with ui.dialog() as self._which, ui.card().classes("wb-dialog"):
            ui.label("Take back which target?").classes("wb-title").props("role=heading aria-level=2")
            self._targets = ui.element("div").classes("wb-stack")

    # Buttons -----------------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        view = self.desk.view
        if view.allowed != self._shown:
            self._shown = view.allowed
            self._large.clear()
            self._small.clear()
            for action in sorted(view.allowed, key=_rank):
                with self._large if action in FIRST else self._small:
                    self._button(action)
        self._enable()
        self._say()
        if self._why.value != self.desk.why:
            self._why.set_value(self.desk.why)
        self._why.set_visibility(bool(view.allowed) and view.state != "unlearning")

    def _say(self) -> None:
        """What there is to say when nothing is trained: an error, that it is over, or what is waited for."""
        view = self.desk.view
        if view.state in ("unlearning", "evaluating"):
            if self.desk.room.progress is None or view.state == "evaluating":
                self._tell(view.waiting or {"unlearning": "The training begins …", "evaluating": "Measuring …"}[view.state])
        elif view.error:
            self._tell(view.error, "wb-error")
        else:
            self._tell(CLOSED if view.state == "closed" else "")

    def _tell(self, text: str, kind: str = "wb-quiet-text") -> None:
        show(self._work, tag("div", text, class_=kind) if text else joined(()))
        self._work.set_visibility(bool(text))

    def _button(self, action: str) -> None:
        key = KEYS.get(action)
        kind = "main" if action in MAIN else "plain" if action in FIRST else "quiet"
        made = button(WORDS[action], lambda: self.do(action), kind=kind, title=_title(action))
        attributes(made, **{"data-action": action, "aria-keyshortcuts": key})
        made.mark(f"do-{action}")

    def _enable(self) -> None:
        for place in (self._large, self._small):
            for made in place:
                if isinstance(made, ui.button):
                    made.set_enabled(not self.desk.busy)

    async def do(self, action: str) -> None:
        """Take an action, if it is allowed now."""
        if action not in self.desk.view.allowed:
            return
        if action in self._elsewhere:
            found = self._elsewhere[action]()
            if isinstance(found, Awaitable):
                await found
            return
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "start": lambda: self._ask("start"), "adjust": lambda: self._ask("adjust"), "also": lambda: self._ask("also"),
            "continue": lambda: self.desk.act(Continue(action="continue")), "undo": lambda: self.desk.act(Undo(action="undo")),
            "interrupt": self.desk.interrupt, "combine": self._combine, "drop": self._drop, "stop": self._ask_stop,
        }  # fmt: skip
        await ways[action]()

    async def _ask(self, action: Any) -> None:
        if self.desk.draft.complete:
            await self.desk.act(self.desk.draft.step(action))
        else:
            self.desk.tell(Problem("decision", "no target is named; choose a class, a condition or examples under Target."))

    async def _combine(self) -> None:
        numbers = [one for one in self.desk.marked.numbers if one]
        if len(numbers) == 2:
            await self.desk.act(Combine(action="combine", one=numbers[0], other=numbers[1]))
        else:
            self.desk.tell(
                Problem("decision", "mark two iterations in the history to combine them; the base has no change to join.")
            )

    async def _drop(self) -> None:
        self._targets.clear()
        with self._targets:
            for node in self._held():
                button(f"{node.number}: {node.text}", lambda number=node.number: self._take_back(number), kind="plain")
        self._which.open()

    def _held(self) -> list[Any]:
        """Iterations on the way to the head; which of them hold a target in force, the session knows."""
        found, node = [], self.desk.head_node
        while node is not None and node.number:
            found.append(node)
            node = self.desk.node(node.parent or 0)
        return found

    async def _take_back(self, number: int) -> None:
        self._which.close()
        await self.desk.act(Drop(action="drop", number=number))

    async def _ask_stop(self) -> None:
        self._sure.open()

    async def _stop(self) -> None:
        self._sure.close()
        await self.desk.act(Stop(action="stop"))

    # Progress ----------------------------------------------------------------------------------------------------------------

    def _progress(self, news: Progress) -> None:
        if self.desk.view.state != "unlearning":
            return
        done = 100 * news.step / max(1, news.steps)
        loss = "loss not finite" if news.loss is None else f"loss {news.loss:.3g}"
        text = f"step {news.step} of at most {news.steps} · epoch {news.epoch} of {news.epochs} · {loss} · {news.seconds:.1f} s"
        bar = tag("div", tag("i", "", style=f"width:{done:.1f}%"), class_="wb-bar", role="progressbar", aria_label="Training",
                  aria_valuenow=f"{done:.0f}", aria_valuemin=0, aria_valuemax=100)  # fmt: skip
        show(self._work, tag("div", bar, tag("div", text, class_="wb-quiet-text")))
        self._work.set_visibility(True)


def _rank(action: str) -> int:
    return list(WORDS).index(action)


def _title(action: str) -> str:
    meaning = MEANINGS[action]
    return f"{meaning[0].upper()}{meaning[1:]}{f' (key {KEYS[action]})' if action in KEYS else ''}"
