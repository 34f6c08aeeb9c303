"""The way to a goal: try, look at every strength of what came of it, propose the next; stop at the goal, the budget, or a word.

Each try is an iteration of the session like any other, so listeners are told of it and a kill loses at most the try in hand. What
the run holds already counts: earlier tries, and what the person tried by hand, are judged before anything is trained.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lorasteer.errors import Interrupted, RequestError, SessionError, TrainingDiverged
from lorasteer.records import Event, Iteration, Request
from lorasteer.session.found import End, Found
from lorasteer.session.goal import Budget, Goal, Try
from lorasteer.session.history import BASE
from lorasteer.session.space import Space, asked, placed, propose, space_of
from lorasteer.session.standing import PROGRAM

if TYPE_CHECKING:
    from lorasteer.session.session import Session

STRENGTHS = (1.0, 0.25, 0.5, 0.75, 1.25, 1.5)
"""Strengths at which every try is looked at: they cost no training."""

MOMENT = 0.01
"""Seconds between two attempts to interrupt a training that is about to begin."""


def never() -> bool:
    """Nobody ends the search early."""
    return False


@dataclass
class Search:
    """One search in one session.

    Args:
        session: Where the tries are made.
        request: Target, direction, method and what is set by hand; its intensity is varied.
        goal: What is wanted.
        budget: When to give up.
        layers: Sets of modules to choose from.
        until: Asked between tries; a true answer ends the search.
        why: The reason, for the log.
    """

    session: Session
    request: Request
    goal: Goal
    budget: Budget
    layers: Sequence[tuple[str, ...]] = ()
    until: Callable[[], bool] = never
    why: str = ""
    tries: list[Try] = field(default_factory=list)
    seen: list[tuple[Iteration, float]] = field(default_factory=list)
    failures: list[Request] = field(default_factory=list)
    trained: int = 0
    cut: int | None = None

    def __post_init__(self) -> None:
        self.space: Space = space_of(self.request, self.layers, task=self.session.bench.task)
        self.translation = self.session.bench.translate(self.request.model_copy(update={"intensity": 1.0}))
        retrained = self.session.compared(self.translation.splits)
        self.base_says = self.session.bench.known(self.translation, retrained)[0]  # asked before the search, not part of it
        self.over = threading.Event()
        self.began = time.monotonic()

    def run(self) -> Found:
        """Look at what is there, then try until there is a reason to stop."""
        self._check()
        self._remember()
        ended = self._end()
        for request in self._requests() if ended is None else ():
            ended = self._attempt(request) or self._end()
            if ended is not None:
                break
        return self._finish(ended or "exhausted")

    def _check(self) -> None:
        if self.translation.plan.aim != "remove":
            raise RequestError(
                "a goal says how much of the target may still be recognised, but this target shall look like unseen examples "
                "(aim 'match-unseen'), where any training stops by itself. Start one, or ask for the aim 'remove'."
            )

    def _remember(self) -> None:
        """Judge what the run holds on this target already."""
        mine = ("target", "direction", "method", "aim", "seed")
        for failed in failed_tries(self.session):
            if all(getattr(failed, name) == getattr(self.request, name) for name in mine):
                self.failures.append(failed)
        for iteration in self.session.iterations:
            if self._counts(iteration):
                self._judge(iteration)

    def _counts(self, iteration: Iteration) -> bool:
        plan = iteration.plan
        same = (iteration.splits, plan.weights, plan.aim, plan.seed, plan.method) == self._identity()
        by_hand = all(plan.settings.get(name) == value for name, value in self.request.settings.items())
        begun = iteration.parent == BASE and iteration.change.strength == 1 and not iteration.interrupted
        return begun and same and by_hand and iteration.request.intensity > 0

    def _identity(self) -> tuple[object, ...]:
        plan = self.translation.plan
        return self.translation.splits.digest, plan.weights, plan.aim, plan.seed, plan.method

    def _judge(self, iteration: Iteration) -> None:
        looks = [self._look(iteration.number, strength) for strength in STRENGTHS]
        best = min(looks, key=lambda each: each.order)
        self.tries.append(best)
        self.seen.append((iteration, best.miss))

    def _look(self, number: int, strength: float) -> Try:
        session, translation = self.session, self.session.past.translation(number)
        known = session.bench.known(translation, session.compared(translation.splits))
        outputs = session.bench.outputs(session.past.change(number), translation, strength=strength)
        far, away_from = session.bench.distance(outputs, known)
        parts = session.bench.judge(self.goal, outputs, known)
        return Try(iteration=number, strength=strength, parts=parts, distance=far, nearest_to=away_from)

    def _end(self) -> End | None:
        """A reason to stop, if there is one."""
        if any(each.met for each in self.tries):
            return "goal"
        if self.until():
            return "person"
        if self.trained >= self.budget.tries:
            return "tries"
        return "seconds" if self._left() <= 0 else None

    def _left(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget.seconds - (time.monotonic() - self.began)

    def _requests(self) -> Iterator[Request]:
        """What to try: the intensity table's own answers first, then proposals, for as long as there is something to vary."""
        for intensity in dict.fromkeys((self.session.bench.intensity_for(self.goal, self.base_says), 1.0, 0.5)):
            request = self.request.model_copy(update={"intensity": intensity})
            if not self._known(request):
                yield request
        while self.space:
            observed = [(placed(self.space, iteration), miss) for iteration, miss in self.seen]
            seed = 1000 * self.request.seed + len(observed) + len(self.failures)
            yield asked(self.request, propose(self.space, observed, seed))

    def _known(self, request: Request) -> bool:
        """Whether its plan was carried out already, or broke off."""
        settings = self.session.bench.translate(request).plan.settings
        return request in self.failures or any(iteration.plan.settings == settings for iteration, _ in self.seen)

    def _attempt(self, request: Request) -> End | None:
        """Train and judge one try; "person" where somebody stopped it or moved the head meanwhile."""
        self.trained += 1
        try:
            with self._in_time():
                iteration = self.session.attempt(request, why=self._reason)
        except TrainingDiverged:
            self.failures.append(request)
            return None
        except Interrupted:  # before its first step, so there is nothing to judge
            return "seconds" if self.over.is_set() else "person"
        return self._judged(iteration)

    @property
    def _reason(self) -> str:
        return f"{f'{self.why}; ' if self.why else ''}on the way to a goal: {self.goal.words}"

    def _judged(self, iteration: Iteration) -> End | None:
        if iteration.interrupted and not self.over.is_set():
            return "person"
        self._judge(iteration)
        if self.session.head != iteration.number:
            return "person"
        if not iteration.interrupted:
            return None
        self.cut = iteration.number
        return "goal" if self.tries[-1].met else "seconds"

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        """Interrupt the training when the time is used up, as a person would."""
        done = threading.Event()
        clock = threading.Thread(target=self._call_time, args=(done,), name="lorasteer-budget", daemon=True)
        clock.start()
        try:
            yield
        finally:
            done.set()
            clock.join()

    def _call_time(self, done: threading.Event) -> None:
        if done.wait(min(self._left(), threading.TIMEOUT_MAX)):
            return
        self.over.set()
        while not done.wait(MOMENT):
            with contextlib.suppress(SessionError):  # the training has not begun yet, or has just ended
                self.session.interrupt()
                return

    def _finish(self, ended: End) -> Found:
        """Put the best in force, unless a person took over, and explain it."""
        best = min(self.tries, key=lambda each: each.order, default=None)
        found = Found(
            goal=self.goal, met=best is not None and best.met, chosen=best, tries=tuple(self.tries), ended=ended,
            trained=self.trained, seconds=round(time.monotonic() - self.began, 3), head=self.session.head,
            varied=tuple(self.space), failed=len(self.failures), held=self._held(), cut=self.cut,
        )  # fmt: skip
        if best is not None and ended != "person":
            put_in_force(self.session, best, why=found.words[0])
        found = found.model_copy(update={"head": self.session.head})
        if self.session.state != "closed":
            self.session.move("found", actor=PROGRAM, why=found.words[0], detail={"found": found.model_dump(mode="json")})
        return found

    def _held(self) -> str:
        adapted = self.translation.plan.settings.get("layers")
        if adapted is None or "layers" in self.space:
            return ""
        names = ", ".join(adapted) if isinstance(adapted, tuple) and adapted else self.session.bench.usual_layers
        if not names:
            return ""
        return f"Only {names} was adapted, which can part no more than what it reads; name layers to choose from to go deeper."


def tries_of(events: Sequence[Event]) -> int:
    """How many tries of a search that has not ended the log holds; one that was cut off by a kill is not counted.

    Args:
        events: The log of a run.
    """
    count, trying = 0, False
    for event in events:
        if event.action == "found":
            count = 0
        ended = event.action == "finished" and event.detail.get("state") == "reviewing"
        broken = event.action == "failed" and event.detail.get("kind") == TrainingDiverged.__name__
        count += trying and (ended or broken)
        trying = event.action == "goal" or (trying and event.action in ("finished", "interrupt") and not ended)
    return count


def failed_tries(session: Session) -> list[Request]:
    """Requests of earlier tries of this run whose training broke off, from the log."""
    failed, asked_for = [], None
    for event in session.store.events(session.id):
        if event.action == "failed" and asked_for is not None and event.detail.get("kind") == TrainingDiverged.__name__:
            failed.append(Request.model_validate(asked_for))
        asked_for = event.detail["request"] if event.action == "goal" else None
    return failed


def put_in_force(session: Session, best: Try, *, why: str) -> None:
    """Move the head to an iteration at a strength; one that was kept at this strength before is found again."""
    kept = session.past[best.iteration].change.strength
    numbers = [best.iteration] if kept == best.strength else _committed(session, best)
    if not numbers:
        session.go(best.iteration, why=why)
        session.commit(best.strength, why=why)
    elif session.head != numbers[0]:
        session.go(numbers[0], why=why)


def _committed(session: Session, best: Try) -> list[int]:
    children = (session.past[number] for number in session.history.children(best.iteration))
    return [child.number for child in children if child.action == "commit" and child.change.strength == best.strength]


def seek(
    session: Session, request: Request, goal: Goal | None = None, *, budget: Budget | None = None,
    layers: Sequence[tuple[str, ...]] = (), until: Callable[[], bool] = never, why: str = "",
) -> Found:  # fmt: skip
    """Search for a plan that reaches a goal, as `Session.seek` does."""
    plain = request.model_copy(update={"calibrated": False})  # what a try is to leave is judged, not promised
    return Search(session, plain, goal or session.bench.usual_goal, budget or Budget(), layers, until, why).run()
