"""What each action of a person means: which plan is carried out, what it goes on from, and what lies beneath it.

Every function here gives a `Task` and changes nothing; a refusal is therefore free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lorasteer.changes import AdapterChange, Change, compose
from lorasteer.errors import SessionError
from lorasteer.methods import Start, obstacle, settings_of
from lorasteer.methods.settings import AdapterSettings
from lorasteer.records import Iteration, Plan, Request, Settings
from lorasteer.records.iteration import Action
from lorasteer.session.history import BASE
from lorasteer.session.past import Past
from lorasteer.steer.translate import Translation


@dataclass(frozen=True)
class Task:
    """An action made ready for work.

    Args:
        action: What the iteration will say was done.
        request: What is asked for.
        translation: The plan with its splits.
        parent: Iteration that it goes on from.
        start: What the training goes on from; None begins at the base, or at what lies beneath.
        beneath: Changes of earlier requests that stay in force.
        numbers: The iterations those are of.
        ready: The change, where nothing is to be trained.
        combined: Iterations that are joined.
    """

    action: Action
    request: Request
    translation: Translation
    parent: int
    start: Start | None = None
    beneath: tuple[Change, ...] = ()
    numbers: tuple[int, ...] = ()
    ready: Change | None = None
    combined: tuple[int, ...] = ()


def begun(past: Past, request: Request, *, action: Action = "unlearn") -> Task:
    """A first request, or a try on the way to a goal: from the base, whatever is in force."""
    return Task(action, request, past.plan(request), BASE)


def continued(past: Past) -> Task:
    """The plan of the head once more, from the head.

    Raises:
        SessionError: The head's method has nothing to go on with, or its change is not one a training can begin at.
    """
    head, task = past[past.history.head], _like_head(past, "continue")
    plan, own = head.plan, past.parts(head.number)[-1]
    reason = obstacle(_settings(past, plan), own, past.bench.base)
    if reason:
        raise SessionError(f"cannot continue iteration {head.number} with {plan.method!r}: {reason}. Adjust, or go to another.")
    resume = past.resume(head.number)
    how = "the state of its training" if resume else "a fresh optimiser, for it holds no state of training"
    said = f"Goes on from iteration {head.number} with {how}."
    return replace(task, start=Start(own, resume), translation=_because(task.translation, said))


def adjusted(past: Past, request: Request) -> Task:
    """Another request in place of the head's: on from the head where more is asked of the same examples, else anew."""
    number = past.history.head
    if number == BASE:
        return replace(begun(past, request), action="adjust")
    head = past[number]
    translation = past.plan(request, [past.translation(other).splits for other in head.beneath])
    *beneath, own = past.parts(number)
    reason = _why_anew(past, head, request, translation.plan, own)
    start = None if reason else Start(own)
    said = f"Begins anew: {reason}." if reason else f"Goes on from iteration {number} with a fresh optimiser."
    return Task("adjust", request, _because(translation, said), number, start, tuple(beneath), head.beneath)


def _why_anew(past: Past, head: Iteration, request: Request, plan: Plan, own: Change) -> str:
    """Why another request cannot go on from the head's change; empty where it can."""
    if plan.splits != head.plan.splits:
        return "the target is another"
    if plan.weights != head.plan.weights:
        return "the direction is another"
    if (plan.aim, plan.seed) != (head.plan.aim, head.plan.seed):
        return "the aim or the seed is another"
    if request.intensity < head.request.intensity:
        return f"less is asked for (intensity {request.intensity:g}) than was done ({head.request.intensity:g})"
    reason = obstacle(_settings(past, plan), own, past.bench.base)
    return reason and f"{plan.method!r} cannot go on from iteration {head.number}, {reason}"


def added(past: Past, request: Request) -> Task:
    """Another target, forgotten on top of what is in force.

    Raises:
        SessionError: The changes would not be adapters, which alone can be taken apart again.
    """
    number = past.history.head
    numbers, beneath = past.requests(number), past.parts(number)
    translation = past.plan(request, [past.translation(other).splits for other in numbers])
    method = translation.plan.method
    if not isinstance(_settings(past, translation.plan), AdapterSettings):
        raise SessionError(
            f"cannot forget another target with {method!r}: only adapters add up, so that each can be taken back alone. "
            "Choose a method that trains an adapter."
        )
    _check_adapters(number, beneath)
    words = " and ".join(past[other].wording for other in numbers)
    said = f"On top of {words}, forgotten already; those examples are neither forgotten nor retained here."
    return Task("also", request, _because(translation, said), number, beneath=beneath, numbers=numbers)


def committed(past: Past, strength: float) -> Task:
    """The head at another strength."""
    task = _like_head(past, "commit")
    return replace(task, ready=past.change(task.parent).at(strength))


def combined(past: Past, one: int, other: int) -> Task:
    """Two iterations joined: of one target into a single adapter, of two targets side by side.

    Raises:
        SessionError: They are one and the same, or the base.
    """
    if one == other:
        raise SessionError(f"cannot combine iteration {one} with itself; name two. Iterations: {_listed(past)}.")
    numbers = (*past.requests(one), *past.requests(other))
    alike = past[one].splits == past[other].splits
    task = _joined(past, one, other) if alike and len(numbers) == 2 else _side_by_side(past, numbers, one, other)
    translation = _because(task.translation, f"Joined from iterations {one} and {other}.")
    return replace(task, translation=translation, combined=(one, other))


def _joined(past: Past, one: int, other: int) -> Task:
    joined = compose(past.bench.base, [past.change(one), past.change(other)])
    task = _like(past, one, "combine")
    return replace(task, ready=joined, translation=_shaped(task.translation, joined))


def _side_by_side(past: Past, numbers: Sequence[int], one: int, other: int) -> Task:
    if len(set(numbers)) < len(numbers):
        raise SessionError(f"cannot combine {one} and {other}: both hold the request of {_twice(numbers)}. Name others.")
    for number in (one, other):
        _check_adapters(number, past.parts(number))
    *earlier, last = numbers
    translation = _again(past, last, earlier)
    whole = compose(past.bench.base, [past.change(one), past.change(other)], apart=True)
    return Task("combine", past[last].request, translation, one, numbers=tuple(earlier), ready=whole)


def dropped(past: Past, number: int) -> Task:
    """What is in force without the change of one request.

    Raises:
        SessionError: Only one request is in force, or not this one.
    """
    head = past.history.head
    numbers, parts = past.requests(head), past.parts(head)
    if len(numbers) == 1:
        raise SessionError(f"cannot drop iteration {number}: {head} holds one request only. Undo, or go to 0, the base.")
    if number not in numbers:
        listed = ", ".join(map(str, numbers))
        raise SessionError(f"cannot drop iteration {number}: the requests in force are those of {listed}. Name one of them.")
    left = [(kept, part) for kept, part in zip(numbers, parts, strict=True) if kept != number]
    *earlier, last = (kept for kept, _ in left)
    translation = _because(_again(past, last, earlier), f"Without {past[number].wording}, which is remembered again.")
    whole = compose(past.bench.base, [part for _, part in left], apart=True)
    return Task("drop", past[last].request, translation, head, numbers=tuple(earlier), ready=whole)


def _again(past: Past, number: int, beneath: Sequence[int]) -> Translation:
    """The plan of an iteration with other requests beneath it than it was made with."""
    kept = past[number]
    translation = past.bench.translate(kept.request, others=[past.translation(other).splits for other in beneath])
    return replace(translation, plan=kept.plan.model_copy(update={"splits": translation.splits.digest}))


def _check_adapters(number: int, parts: Sequence[Change]) -> None:
    if not all(isinstance(part, AdapterChange) for part in parts):
        raise SessionError(
            f"iteration {number} is not an adapter, and only adapters add up so that each can be taken back alone. "
            "Adjust it to a method that trains one."
        )


def _like_head(past: Past, action: Action) -> Task:
    return _like(past, past.history.head, action)


def _like(past: Past, number: int, action: Action) -> Task:
    """A task with request, plan and what lies beneath as an iteration has them."""
    kept = past[number]
    beneath = past.parts(number)[:-1]
    return Task(action, kept.request, past.translation(number), number, beneath=beneath, numbers=kept.beneath)


def _because(translation: Translation, sentence: str) -> Translation:
    """With one more reason, in place of those that earlier actions gave."""
    own = tuple(reason for reason in translation.plan.because if not reason.startswith(_OWN))
    return replace(translation, plan=translation.plan.model_copy(update={"because": (*own, sentence)}))


_OWN = ("Goes on from ", "Begins anew: ", "On top of ", "Without ", "Joined from ")


def _shaped(translation: Translation, joined: Change) -> Translation:
    """The plan with the rank and scaling of a joined adapter, so that a training can go on from it."""
    plan = translation.plan
    if isinstance(joined, AdapterChange) and {"rank", "alpha"} <= set(plan.settings):
        shape = {"rank": joined.config["r"], "alpha": float(joined.config["lora_alpha"])}
        plan = plan.model_copy(update={"settings": {**plan.settings, **shape}})
    return replace(translation, plan=plan)


def _twice(numbers: Sequence[int]) -> int:
    return next(number for number in numbers if numbers.count(number) > 1)


def _settings(past: Past, plan: Plan) -> Settings:
    return settings_of(plan.method, dict(plan.settings), task=past.bench.task)


def _listed(past: Past) -> str:
    return ", ".join(map(str, past.iterations))
