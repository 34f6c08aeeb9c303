"""Two to four iterations of a session beside each other, and a way to take one of them up."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from lorasteer.errors import LorasteerError
from lorasteer.session.steps import Go
from lorasteer.web.house import House, Room
from lorasteer.web.parts.frame import OPENING, PAGE, Frame, frame
from lorasteer.web.parts.picks import Picks
from lorasteer.web.parts.side_by_side import Side, asked_table, called, class_table, numbers_table
from lorasteer.web.parts.side_maps import last_picture, maps
from lorasteer.web.parts.theme import words
from lorasteer.web.views import Findings, SessionView

MOST = 4
"""How many iterations fit beside each other."""
HINT = "Two to {most}. ▲ ▼ mark differences from {first} that chance does not explain; ✓ a value inside the aim."


def register(house: House) -> None:
    """Serve comparisons at `/session/{run}/compare?iterations=1,2`.

    Args:
        house: Everything that is served.
    """

    @ui.page("/session/{run}/compare", response_timeout=OPENING, **PAGE)
    async def compare(run: str, iterations: str = "") -> None:
        await _build(house, run, iterations)


async def _build(house: House, run: str, said: str) -> None:
    try:
        room = await house.room(run)
    except LorasteerError as error:
        with frame("Compare", place={"Library": "/"}):
            words("p", str(error), "ls-note ls-is-bad").props("role=alert")
        return
    view = room.view
    name = view.name or view.id
    with frame("Compare iterations", place={"Library": "/", name: f"/session/{run}"}, state=view.state) as top:
        await Comparison(room, top, chosen(said, view)).show()


def chosen(said: str, view: SessionView) -> tuple[int, ...]:
    """The iterations that are asked for; the newest two where fewer than two of them exist.

    Args:
        said: Numbers with commas between, as in the address; whatever is no iteration is left out.
        view: The session.
    """
    known = [node.number for node in view.nodes]
    numbers = [int(part) for part in said.split(",") if part.strip().isascii() and part.strip().isdecimal() and len(part) < 9]
    asked = list(dict.fromkeys(number for number in numbers if number in known))[:MOST]
    return tuple(sorted(asked if len(asked) > 1 else known[-2:]))


class Comparison:
    """What is chosen, and what it looks like.

    Args:
        room: The session.
        top: The bar, which knows who acts.
        numbers: What is compared at first.
    """

    def __init__(self, room: Room, top: Frame, numbers: tuple[int, ...]) -> None:
        self._room, self._top, self._numbers = room, top, numbers
        options = {str(node.number): _label(node.number, node.text) for node in room.view.nodes}
        with ui.element("div").classes("ls-stack"):
            words("h2", "Which")
            self._picks = Picks("Iterations", options, picked=tuple(map(str, numbers)), many=True, on_change=self._picked)
            self._hint = words("p", classes="ls-small ls-muted").props("role=status aria-live=polite")
        self._body = ui.element("div").classes("ls-stack ls-gap-24")

    async def show(self) -> None:
        """Measure and draw what is chosen."""
        self._hint.text = HINT.format(most=MOST, first=called(self._numbers[0]))
        if len(self._numbers) < 2:
            self._hint.text = "There is nothing to compare yet: ask for an unlearning in the workbench first."
            return
        try:
            sides = [await self._side(number) for number in self._numbers]
        except LorasteerError as error:
            self._hint.text = str(error)
            return
        self._body.clear()
        with self._body:
            self._draw(sides)

    async def _side(self, number: int) -> Side:
        first = self._numbers[0]
        node = next(node for node in self._room.view.nodes if node.number == number)
        findings = await self._room.findings(number, None if number == first else first)
        picture = last_picture(await self._room.picture(number))
        return Side(node, _unmarked(findings) if number == first else findings, picture)

    def _draw(self, sides: Sequence[Side]) -> None:
        with _section("Where the examples lie"):
            maps(sides, self._room.points, self._room.view)
        with _section("What was measured"):
            numbers_table(sides)
            self._ways_on(sides)
        with ui.element("div").classes("ls-halves"):
            with _section("Accuracy by class"):
                class_table(sides)
            with _section("What was asked"):
                asked_table(sides)
        with _section("In words"):
            for side in sides:
                if side.node.number:
                    _words(side)

    def _ways_on(self, sides: Sequence[Side]) -> None:
        with ui.element("div").classes("ls-row ls-wrap"):
            for side in sides:
                number, head = side.node.number, side.node.number == self._room.view.head
                text = f"{called(number).capitalize()} is in force" if head else f"Go to {called(number)}"
                button = ui.button(text, on_click=lambda number=number: self._go(number)).props("outline")
                button.set_enabled(not head and "go" in self._room.view.allowed)

    async def _go(self, number: int) -> None:
        before = self._room.view.head
        await self._move(number)
        if self._room.view.head == number:
            self._top.toast(f"{called(number).capitalize()} is in force", lambda: self._move(before))

    async def _move(self, number: int) -> None:
        step = Go(action="go", number=number)
        try:
            view = await self._room.act(step, version=self._room.view.version, actor=self._top.actor)
            self._top.say_state(view.state)
            await self.show()
        except LorasteerError as error:
            self._top.toast(str(error))

    async def _picked(self) -> None:
        numbers = tuple(map(int, self._picks.picked))
        if not 2 <= len(numbers) <= MOST:
            self._hint.text = f"{len(numbers)} chosen; choose two to {MOST}. Below are still {_list(self._numbers)}."
            return
        self._numbers = numbers
        ui.navigate.history.replace(f"/session/{self._room.id}/compare?iterations={','.join(map(str, numbers))}")
        await self.show()


def _section(title: str) -> ui.element:
    with ui.element("section").classes("ls-card ls-stack ls-gap-16") as section:
        section.props["aria-label"] = title
        words("h2", title)
    return section


def _unmarked(findings: Findings) -> Findings:
    """Without arrows: what others are compared with has no difference from itself."""
    return findings.model_copy(
        update={"rows": tuple(row.model_copy(update={"arrow": "", "good": None}) for row in findings.rows)}
    )


def _words(side: Side) -> None:
    with ui.element("div").classes("ls-stack ls-gap-4"):
        words("h3", called(side.node.number).capitalize())
        for line in side.findings.words or side.node.words or ("n/a",):
            words("p", line[:1].upper() + line[1:])


def _label(number: int, text: str) -> str:
    return "Base" if number == 0 else f"{number}  {text}"


def _list(numbers: Sequence[int]) -> str:
    return " and ".join(called(number) for number in numbers)
