"""The registry of methods, the facts each states, and the one function that runs any of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import ValidationError

from lorasteer.changes import Change
from lorasteer.errors import PlanError
from lorasteer.methods.course import Course, Start
from lorasteer.methods.dialling import dialled
from lorasteer.methods.settings import ObjectiveSettings
from lorasteer.methods.starting import check_start
from lorasteer.records import Plan, first_problem
from lorasteer.records import Settings as SettingsRecord
from lorasteer.registry import Registry
from lorasteer.tasks.training import Observer


class Method(Protocol):
    """A registered method with its settings, used once."""

    def unlearn(self, material: Any, plan: Plan, course: Course) -> Change:
        """Make a change of the base.

        Args:
            material: Base, examples and splits, of one of the tasks the method states; not to be altered.
            plan: Weights, aim and seed; its settings are those the method was made with.
            course: Who watches, and what to go on from; handed on to what trains.
        """
        ...


class MethodKind(Protocol):
    """What `METHODS.add` registers: a class that is made with its settings and names their class."""

    @property
    def Settings(self) -> type[SettingsRecord]:  # noqa: N802 - an attribute that holds a class
        """The method's settings; their field docstrings become its help.

        A class that serves images and text may hold `TextSettings` beside them, for text.
        """
        ...

    def __call__(self, settings: Any, /) -> Method:
        """Make the method."""
        ...


_OTHER_SETTINGS = {"language": "TextSettings"}


def _import_families() -> None:
    """Import every module of every family, so that each method's decorator runs."""
    package = importlib.import_module("lorasteer.methods")
    for found in pkgutil.walk_packages(package.__path__, "lorasteer.methods."):
        importlib.import_module(found.name)


METHODS: Registry[MethodKind] = Registry(
    "method",
    required_facts=("family", "tasks", "needs", "paper"),
    allowed_facts={"reconstruction": False, "forgets": True, "scope": frozenset({"class", "examples"})},
    entry_point_group="lorasteer.methods",
    populate=_import_families,
)
"""All methods by name. Facts:

- `family`: folder it lives in.
- `tasks`: modalities it works on.
- `needs`: what a request must offer: `labels`, `retain`, `class-target` (the target is one or more whole classes).
- `paper`: where it is from.
- `reconstruction`: True when the paper could not be read and the method follows second-hand descriptions.
- `forgets`: False when it has no term that pushes the forget set away, so forgetting is not promised.
- `scope`: what it can forget: whole classes, single examples, or both.
"""


def settings_kind(method: str, task: str = "vision") -> type[SettingsRecord]:
    """The class of a method's settings for a task: `TextSettings` for language where the method has both.

    Raises:
        PlanError: The method is unknown.
    """
    return kind_for(METHODS[method].factory, task)


def kind_for(factory: MethodKind, task: str) -> type[SettingsRecord]:
    """The class of settings of what a registry holds, for a task."""
    kind: type[SettingsRecord] = getattr(factory, _OTHER_SETTINGS.get(task, ""), factory.Settings)
    return kind


def settings_of(method: str, values: dict[str, Any], *, task: str = "vision") -> SettingsRecord:
    """The settings of a method from plain values, defaults filled in.

    Args:
        method: Registered method.
        values: By field name.
        task: What the material is; some methods have other settings for language.

    Raises:
        PlanError: The method is unknown, or a value is unknown or out of range; the message names the first.
    """
    kind = settings_kind(method, task)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        known = ", ".join(kind.model_fields)
        raise PlanError(f"setting of {method!r}: {first_problem(error)}. Its settings are: {known}.") from error


def continues(method: str, *, task: str = "vision") -> bool:
    """Whether a method can go on from what it made: true for those that train by `ObjectiveSettings`.

    Raises:
        PlanError: The method is unknown.
    """
    return issubclass(settings_kind(method, task), ObjectiveSettings)


def unlearn(material: Any, plan: Plan, observers: Sequence[Observer] = (), *, start: Start | None = None) -> Change:
    """Run a plan, from the base or from an earlier change.

    A run that is given the state of an earlier one takes the plan's epochs once more: two runs of k epochs give the numbers of
    one of 2 k, bit for bit, unless the first met its aim. An aim that is met at the start does not end the run: whoever goes on
    asks for more. It then keeps the latest state that still meets the aim, and a collapse still ends it.

    Args:
        material: Base, examples and splits the plan was made for: a `Material` of images or a `TextMaterial`.
        plan: What to do.
        observers: Told of every step; a true answer stops the work and leaves a usable change.
        start: What to go on from; None begins at the base.

    Returns:
        The change from the base, what it started from included; `resume` holds what a further run goes on from. The base is as
        it was.

    Raises:
        PlanError: The plan was made for other splits, its settings do not fit the model, or it cannot go on from the start.
    """
    if plan.splits != material.splits.digest:
        raise PlanError(
            f"the plan was made for splits {plan.splits[:12]}, got {material.splits.digest[:12]}; translate the request again."
        )
    if plan.weights is not None and len(plan.weights) != len(material.splits.forget):
        raise PlanError(
            f"the plan has {len(plan.weights)} weights for {len(material.splits.forget)} forget examples; give one for each."
        )
    tasks = METHODS[plan.method]["tasks"]
    if material.task not in tasks:
        raise PlanError(
            f"method {plan.method!r} works on {' and '.join(sorted(tasks))}, got a {material.task} model. "
            f"Choose among: {', '.join(METHODS.names(tasks=material.task))}."
        )
    settings = settings_of(plan.method, dict(plan.settings), task=material.task)
    if start is not None:
        check_start(plan, settings, start, material.base)
    change = METHODS[plan.method].factory(settings).unlearn(material, plan, Course(observers, start))
    # a training that was cut short keeps what it made; on top of other changes the promise would be about all of them together
    whole = change.record.training.reason not in {"stopped", "diverged"} and material.ground is None
    return dialled(material, plan, change) if plan.dial_to is not None and whole else change
