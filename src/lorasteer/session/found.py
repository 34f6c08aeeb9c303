"""What a search for a goal came to, and the choice explained in words."""

from __future__ import annotations

from typing import Literal

from lorasteer.records import Record
from lorasteer.session.goal import Goal, Try

_NAMED = 3  # tries beside the best that are put into words

End = Literal["goal", "tries", "seconds", "person", "exhausted"]
_ENDS: dict[End, str] = {
    "goal": "", "tries": "the tries were used up", "seconds": "the time was used up", "person": "the person took over",
    "exhausted": "there is nothing left to vary",
}  # fmt: skip


class Found(Record):
    """What a search came to."""

    goal: Goal
    """What was wanted."""
    met: bool
    """Whether it was reached."""
    chosen: Try | None
    """The best: of those that reach the goal the nearest to the retrained model, else the one that misses least."""
    tries: tuple[Try, ...]
    """Each iteration at its best strength, in the order in which they were made."""
    ended: End
    """Why the search ended."""
    trained: int
    """How many trainings this search took."""
    seconds: float
    """How long it took."""
    head: int
    """The iteration in force afterwards."""
    varied: tuple[str, ...]
    """What was varied from try to try."""
    failed: int = 0
    """How many trainings broke off."""
    cut: int | None = None
    """The try that was interrupted because the time was used up; it was judged with what it had learned."""
    held: str = ""
    """What the search held fixed that a person may free, in one sentence; empty where there is nothing."""

    @property
    def words(self) -> tuple[str, ...]:
        """The choice explained, one sentence each."""
        if self.chosen is None:
            return (f"No try was finished: {_ENDS[self.ended]}.", *self._broken())
        return (*self._verdict(self.chosen), *self._others(self.chosen), *self._cut(), *self._broken())

    def _verdict(self, best: Try) -> tuple[str, ...]:
        if self.met:
            alike = sum(each.met for each in self.tries)
            tie = f"Of the {alike} that reach it, this is" if alike > 1 else "Of all its strengths that reach it, this is"
            return f"The goal is reached by {best.words}", f"{tie} the nearest to {best.nearest_to} ({best.distance:.3g} nats)."
        spent = f"{_ENDS[self.ended]} after {self.trained} {_trainings(self.trained)} and {self.seconds:.0f} s"
        return (
            f"The goal was not reached: {spent}. Nearest is {best.words}",
            _sentence(best.miss_words),
            f"Varied: {', '.join(self.varied) or 'nothing'}.",
            *([self.held] if self.held else []),
        )

    def _others(self, best: Try) -> tuple[str, ...]:
        others = sorted((each for each in self.tries if each.iteration != best.iteration), key=lambda each: each.order)
        more = len(others) - _NAMED
        left = (f"{more} others are further away.",) if more > 0 else ()
        return (*(_sentence(each.miss_words) for each in others[:_NAMED]), *left)

    def _cut(self) -> tuple[str, ...]:
        return () if self.cut is None else (f"Iteration {self.cut} was cut off by the time; it holds what it had learned.",)

    def _broken(self) -> tuple[str, ...]:
        return (f"{self.failed} {_trainings(self.failed)} broke off: the loss was not finite.",) if self.failed else ()


def _trainings(count: int) -> str:
    return "training" if count == 1 else "trainings"


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]
