"""How every method trains on text: one procedure; the method supplies its loss on the answer tokens of forget examples."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor, nn

from lorasteer.changes import Change
from lorasteer.errors import PlanError
from lorasteer.methods.course import Course
from lorasteer.methods.fila import fila_adapter
from lorasteer.methods.learning import prepare, recompute
from lorasteer.methods.procedure import evaluating, fit_watched, notes_of
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.starting import adapted_layers
from lorasteer.methods.text_dialling import into_band
from lorasteer.methods.text_learner import plain_adapter
from lorasteer.methods.text_objective import Ahead, StepLoss
from lorasteer.methods.text_pools import make_text_pools
from lorasteer.methods.text_source import Asker, Source, Text
from lorasteer.methods.text_stopping import Ask, goal_of
from lorasteer.methods.tokens import TokenObjective
from lorasteer.records import Plan
from lorasteer.tasks.language.material import TextMaterial
from lorasteer.tasks.language.network import Network

_MET = "aim reached"


def train_text_adapter(
    material: TextMaterial, plan: Plan, settings: TextAdapterSettings, objective: TokenObjective | None, course: Course
) -> Change:
    """Train a LoRA adapter on a frozen language model.

    Forget and retain examples go through the model together, each once a step beside others of its length; the head speaks
    only where an answer token is predicted.

    Args:
        material: Base, examples and splits.
        plan: Weights, aim and seed.
        settings: Numbers of the run.
        objective: Loss of each forget example; None for a method that only trains on what is retained.
        course: Who watches, and the adapter to go on from.

    Raises:
        PlanError: A layer cannot be adapted, the rank is too large for one, the objective's layer lies before all adapters, or
            the plan asks for examples that there are none of.
    """
    started, before = time.perf_counter(), material.memory.seconds
    layers = adapted_layers(material.base, settings)
    activations = material.before(layers)
    layer = _layer(material, objective, layers, plan)
    source = Source(material, activations, layer, objective.alternatives if objective is not None else "none")
    pools = make_text_pools(material, plan, settings, forgets=objective is not None, answers=source.counts())
    if settings.init == "fila":
        learner = fila_adapter(source, pools, plan, settings, layers, course)
    else:
        learner = plain_adapter(material, plan, settings, layers, course)
    prepare(learner.model, dropout=settings.dropout, seed=plan.seed)
    asker = Asker(Network.of(learner.model), source.depth, layer, autocast_type(material, settings))
    if settings.checkpointing:
        recompute(asker.network.blocks[source.depth :])
    goal = goal_of(source, pools, plan, settings, _base_says(source, asker)) if objective is not None else None
    watch = goal.watch(learner.model, _quietly(learner.model, replace(asker, layer=None))) if goal is not None else None
    parameters = [parameter for parameter in learner.model.parameters() if parameter.requires_grad]
    loss = StepLoss(asker, source, objective, settings, parameters)
    with asker.network.learning_fast(bf16=asker.low == torch.bfloat16):
        report, resume = fit_watched(learner.model, Ahead(pools, loss), loss, settings, plan, course, watch)
    change = learner.finish(notes_of(report, watch, started, material.memory.seconds - before), resume)
    # what a person cut short, or what did not get there, stays as it was found
    settled = material.ground is None and plan.strength == 1 and change.record.training.reason == _MET
    return into_band(change, goal, asker) if goal is not None and settled else change


def _layer(material: TextMaterial, objective: TokenObjective | None, layers: tuple[str, ...], plan: Plan) -> int | None:
    """Number of the block whose output the objective reads; None for what the head reads.

    Raises:
        PlanError: There is no such block, or nothing that learns lies in it or before it.
    """
    if objective is None or objective.layer is None:
        return None
    network = material.memory.network
    count, first = len(network.blocks), network.depth(layers)
    layer = objective.layer + count if objective.layer < 0 else objective.layer
    if not 0 <= layer < count:
        raise PlanError(
            f"setting of {plan.method!r}: block {objective.layer} is none of the model's {count}; choose 0 to {count - 1}."
        )
    if layer < first:
        raise PlanError(
            f"method {plan.method!r} reads the output of block {layer}, and the first adapted layer lies behind it, in block "
            f"{first}. Choose a block from {first}, or adapt layers of block {layer}."
        )
    return layer


def autocast_type(material: TextMaterial, settings: TextAdapterSettings) -> torch.dtype | None:
    """Type of autocast while a model learns: its own where that is a short one, bf16 where it is asked for, else None.

    Args:
        material: Holds the base.
        settings: Say which arithmetic is asked for.
    """
    own = material.memory.network.dtype
    if own != torch.float32:
        return own
    return torch.bfloat16 if settings.precision == "bf16" else None


def _quietly(model: nn.Module, asker: Asker) -> Ask:
    """Asks a model in training without its dropout."""

    def ask(text: Text) -> Tensor:
        with evaluating(model):
            return asker.hidden([text])[0]

    return ask


def _base_says(source: Source, asker: Asker) -> Ask:
    """Asks what the training stands on, in the same arithmetic."""
    base = replace(asker, network=source.material.network(source.material.standing.mirror), layer=None)
    return lambda text: base.hidden([text])[0]
