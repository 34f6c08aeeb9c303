"""What a session has made so far: its iterations, and behind each the change, the plan with its splits, and the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from torch import Tensor

from lorasteer.changes import Change, parts_of
from lorasteer.errors import SessionError
from lorasteer.records import Iteration, Request
from lorasteer.session.bench import Bench
from lorasteer.session.calibration import calibration_of
from lorasteer.session.history import History
from lorasteer.steer.translate import Translation
from lorasteer.store import RunStore
from lorasteer.tasks.splits import Splits

T = TypeVar("T")
AT_HAND = 8
"""How many changes, plans and answers are held in memory; the others are read or asked for again."""


@dataclass
class Recent(Generic[T]):
    """Things by the number of their iteration; the latest used ones are held, the others are made again."""

    make: Callable[[int], T]
    held: dict[int, T] = field(default_factory=dict)

    def __call__(self, number: int) -> T:
        """The thing of an iteration."""
        value = self.held.pop(number) if number in self.held else self.make(number)
        return self.hold(number, value)

    def hold(self, number: int, value: T) -> T:
        """Hold a thing that is made already."""
        self.held[number] = value
        while len(self.held) > AT_HAND:
            self.held.pop(next(iter(self.held)))
        return value


class Past:
    """Everything that is known of a run, read from its store when it is asked for.

    Args:
        bench: Base and data.
        store: Where the run is kept.
        run: Its id.
        history: The tree of its iterations.
        iterations: Their records by number.
    """

    def __init__(
        self, bench: Bench[Any, Any], store: RunStore, run: str, history: History, iterations: Mapping[int, Iteration]
    ) -> None:
        self.bench, self.store, self.run, self.history = bench, store, run, history
        self.iterations = dict(iterations)
        self.change: Recent[Change] = Recent(lambda number: self.store.change(self.run, number, self.bench.base))
        self.translation: Recent[Translation] = Recent(self._translate)
        self.outputs: Recent[Any] = Recent(self._ask)

    def add(self, iteration: Iteration) -> None:
        """Take in a new iteration, which becomes the head."""
        self.history = self.history.grown(iteration.number, iteration.parent)
        self.iterations[iteration.number] = iteration

    def plan(self, request: Request, others: Sequence[Splits] = ()) -> Translation:
        """Translate a new request, by what earlier runs on this base achieved where it asks for that."""
        learned = calibration_of(self.store, self.bench.base.digest) if request.calibrated else None
        return self.bench.translate(request, others=others, calibration=learned)

    def __getitem__(self, number: int) -> Iteration:
        if number in self.iterations:
            return self.iterations[number]
        known = ", ".join(map(str, self.iterations)) or "none yet"
        raise SessionError(f"there is no iteration {number} with a change. Iterations: {known}.")

    def resume(self, number: int) -> Mapping[str, Tensor] | None:
        """The state of training that an iteration left."""
        return self.store.resume(self.run, number)

    def parts(self, number: int) -> tuple[Change, ...]:
        """The changes of each request in force at an iteration, its own last."""
        return parts_of(self.change(number)) if self[number].beneath else (self.change(number),)

    def requests(self, number: int) -> tuple[int, ...]:
        """The iterations those parts are of: earlier requests that are in force, then the iteration itself."""
        return (*self[number].beneath, number)

    def _translate(self, number: int) -> Translation:
        """The plan of an iteration with its splits, made again from the request.

        Raises:
            SessionError: The data is no longer what it was.
        """
        kept = self[number]
        others = [self.translation(other).splits for other in kept.beneath]
        made = self.bench.translate(kept.request, others=others)
        if made.splits.digest != kept.splits:
            raise SessionError(
                f"iteration {number} was made on splits {kept.splits[:12]}, its request now gives {made.splits.digest[:12]}; "
                "the data, or a file of ids, has changed. Open the session with the data it was begun with."
            )
        return replace(made, plan=kept.plan)

    def _ask(self, number: int) -> Any:
        return self.bench.outputs(self.change(number), self.translation(number))
