"""Before a script runs: it is read, and gone through without doing anything, so that a mistake at its end costs nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from lorasteer.errors import RequestError, SessionError, StoreError, choices
from lorasteer.records import Request, Target
from lorasteer.session.history import BASE, History
from lorasteer.session.states import NEED_THE_BASE, after
from lorasteer.session.steps import KINDS, MAKING, AnyStep, Combine, Export, Go, Naming, Start, Undo

_STEPS: TypeAdapter[AnyStep] = TypeAdapter(Annotated[AnyStep, Field(discriminator="action")])


def read_script(path: Path) -> tuple[AnyStep, ...]:
    """The steps of a TOML file, each a table `[[step]]`.

    Raises:
        StoreError: The file cannot be read.
        SessionError: It is no TOML, or a step is not as it must be; the message names its number.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"cannot read the script {path}: {error}. Give a TOML file with a table [[step]] for each step."
        ) from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SessionError(f"{path} is not TOML: {error}. Write each step as a table [[step]].") from error
    unknown = sorted(document.keys() - {"step"})
    if unknown:
        raise SessionError(f"{path} has {', '.join(unknown)}; allowed is a table [[step]] for each step, nothing else.")
    return steps_of(document.get("step"))


def steps_of(tables: object) -> tuple[AnyStep, ...]:
    """Steps from plain tables.

    Raises:
        SessionError: A step is not as it must be; the message names its number and what is allowed.

    Example:
        >>> [step.action for step in steps_of([{"action": "undo"}, {"action": "go", "number": 1}])]
        ['undo', 'go']
    """
    if not isinstance(tables, list) or not tables:
        raise SessionError('the script has no step; write at least one table [[step]] with action = "start".')
    return tuple(_step(number, table) for number, table in enumerate(tables, 1))


def _step(number: int, table: object) -> AnyStep:
    given = table if isinstance(table, dict) else {}
    try:
        return step_of(given)
    except SessionError as error:
        action = given.get("action")
        raise SessionError(f"step {number}{f' ({action})' if action in KINDS else ''}: {error}") from error


def step_of(table: Mapping[str, object]) -> AnyStep:
    """One step from a plain table.

    Raises:
        SessionError: It is not as it must be; the message says what is allowed.
    """
    action = str(table.get("action"))
    if action not in KINDS:
        raise SessionError(f"action is {action!r}. {choices(action, KINDS)}")
    fields = KINDS[action].model_fields
    for name in table:
        if name not in fields:
            raise SessionError(f"there is no {name!r}. {choices(name, fields)}")
    try:
        return _STEPS.validate_python(dict(table))
    except ValidationError as error:
        raise SessionError(f"{_problem(error)}. Correct it.") from error


def _problem(error: ValidationError) -> str:
    problem: dict[str, Any] = dict(error.errors(include_url=False)[0])
    where = ".".join(str(part) for part in problem["loc"][1:]) or "step"
    return f"{where}: {problem['msg']}, got {problem.get('input')!r}" if problem["type"] != "missing" else f"{where} is missing"


def check_steps(
    steps: Sequence[AnyStep],
    request: Request | None = None,
    *,
    state: str = "idle",
    history: History | None = None,
    first: int = 1,
) -> None:
    """Go through the steps without doing them, so that a mistake at the end costs nothing.

    Args:
        steps: What is to be done.
        request: What the command line asks for; a first step builds on it.
        state: Where the session stands.
        history: Its iterations.
        first: Number of the first of these steps.

    Raises:
        SessionError: A step cannot be done where it stands; the message names its number and what is allowed there.
    """
    place = Imagined(state, history or History())
    for number, step in enumerate(steps, first):
        try:
            if isinstance(step, Naming):
                begins = isinstance(step, Start) or place.state == "idle"
                asked = step.request(request if begins else request or _LATER)
                request = asked if begins else request
            place = place.after(step)
        except (SessionError, RequestError) as error:
            raise SessionError(f"step {number} ({step.action}): {error}") from error


_LATER = Request(target=Target(classes=("?",)))
"""Stands for what the head of an open session was asked for, which is known when the step is done."""


@dataclass(frozen=True)
class Imagined:
    """State and tree after some steps, as far as can be said beforehand.

    Args:
        state: State of the session.
        tree: Its iterations.
        known: Whether these are all; a search for a goal makes as many as it needs.
    """

    state: str
    tree: History
    known: bool = True

    def after(self, step: AnyStep) -> Imagined:
        """After one more step.

        Raises:
            SessionError: It cannot be done here.
        """
        tree = self._named(step)
        changed = tree.head != BASE if self.known else step.action not in NEED_THE_BASE
        if step.action in ("compare", "export"):
            if isinstance(step, Export) and step.number is None and not changed:
                raise SessionError("the head is the untouched base, which has nothing to export; go to an iteration first.")
            return replace(self, tree=tree)
        state = after(self.state, "dial" if step.action == "strength" else step.action, changed=changed)
        if step.action == "goal":
            return Imagined("reviewing", tree, known=False)
        if step.action in MAKING:
            parent = BASE if step.action == "start" else step.one if isinstance(step, Combine) else tree.head
            return replace(self, state="reviewing", tree=tree.grown(tree.next, parent))
        moved = tree.undone() if isinstance(step, Undo) else tree.moved(step.number) if isinstance(step, Go) else tree
        return replace(self, state=state, tree=moved)

    def _named(self, step: AnyStep) -> History:
        """The tree with the iterations that a step names; one that is not there may be among those of a search."""
        tree = self.tree
        for name in ("number", "before", "after", "one", "other"):
            number = getattr(step, name, None)
            if self.known and number is not None:
                tree.path(number)
            elif number and number not in tree.parents:
                tree = tree.grown(number, BASE).moved(tree.head)
        return tree
