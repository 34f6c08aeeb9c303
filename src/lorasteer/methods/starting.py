"""Which methods can go on from an earlier change, from which change, and how a training begins there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import peft

from lorasteer.changes import AdapterChange, Change, WeightChange
from lorasteer.errors import PlanError
from lorasteer.methods.course import Start
from lorasteer.methods.settings import AdapterSettings, ObjectiveSettings, TextAdapterSettings
from lorasteer.records import Plan, Settings
from lorasteer.tasks.base import Base
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.modules import check_rank, resolve_layers


def obstacle(settings: Settings, change: Change, base: Base) -> str:
    """Why a training with these settings cannot begin at a change, as a clause; empty where it can.

    Adapters have to adapt the same layers with the same rank and scaling; for weights, any new values of them will do.

    Args:
        settings: Those of the method that is to go on.
        change: What it would go on from.
        base: Base of both.
    """
    if not isinstance(settings, ObjectiveSettings):
        return "it does not train, so there is nothing to go on with"
    if not isinstance(settings, AdapterSettings):
        return "" if isinstance(change, WeightChange) else f"it trains weights, and the change so far is {_kind(change)}"
    if not isinstance(change, AdapterChange):
        return f"it trains an adapter, and the change so far is {_kind(change)}"
    layers = adapted_layers(base, settings)
    doubled = 2 if isinstance(settings, TextAdapterSettings) and settings.init == "fila" else 1
    mine = _shape(layers, doubled * settings.rank, doubled * settings.alpha)
    theirs = _shape(change.layers, change.config["r"], change.config["lora_alpha"])
    if mine != theirs:
        return f"it adapts {mine}, and the change so far {theirs}"
    return "" if doubled > 1 else _too_large(base, layers, settings.rank)


def adapted_layers(base: Base, settings: AdapterSettings) -> tuple[str, ...]:
    """The layers that these settings adapt, in the order of the model.

    Raises:
        PlanError: A name is no module of the model, or one that cannot be adapted.
    """
    if isinstance(settings, TextAdapterSettings) and not settings.layers:
        return settings.usual_layers(Network.of(base.model))
    return resolve_layers(base.model, settings.layers)


def _too_large(base: Base, layers: tuple[str, ...], rank: int) -> str:
    """Why adapters of this rank cannot train, as those joined from several may not; empty where they can."""
    try:
        check_rank(base.model, layers, rank)
    except PlanError as error:
        return str(error).partition(". ")[0]
    return ""


def _kind(change: Change) -> str:
    return {"adapter": "an adapter", "weights": "new values of weights", "composed": "made of several"}[change.record.kind]


def _shape(layers: Iterable[str], rank: int, alpha: float) -> str:
    return f"{', '.join(sorted(layers))} at rank {rank}, alpha {alpha:g}"


def check_start(plan: Plan, settings: Settings, start: Start, base: Base) -> None:
    """Refuse a start that the plan cannot go on from.

    Raises:
        PlanError: The method does not train, or not what the change holds; or the state of training was left by another plan.
    """
    reason = obstacle(settings, start.change, base)
    if reason:
        raise PlanError(f"method {plan.method!r} cannot go on from this change: {reason}. Begin at the base instead.")
    made_by = start.change.record.plan
    if start.resume and (made_by is None or _training(made_by) != _training(plan)):
        raise PlanError(
            "the state of training belongs to a plan with other settings, seed or examples. Go on without it (resume=None), "
            "which begins with a fresh optimiser."
        )


def _training(plan: Plan) -> dict[str, Any]:
    """What two plans must share for one to go on with the other's optimiser: all but how long, how strong, and why."""
    whole = plan.model_dump(exclude={"because", "strength"})
    whole["settings"].pop("epochs", None)
    return whole


def put_adapter(wrapped: Any, change: AdapterChange) -> None:
    """Give a freshly wrapped model the numbers of an adapter, at the adapter's own strength."""
    peft.set_peft_model_state_dict(wrapped, change.baked())
