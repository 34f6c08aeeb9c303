"""How every method trains: one procedure for adapters and for whole weights; the method supplies its loss on forget examples."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from lorasteer.changes import AdapterChange, Change, adapter_change, weight_change
from lorasteer.changes.adapter import exactly, wrap_model
from lorasteer.errors import PlanError
from lorasteer.methods.course import Course
from lorasteer.methods.learning import prepare
from lorasteer.methods.objective import ForgetBatch, ForgetLoss, anchor_losses
from lorasteer.methods.pools import Step, make_pools
from lorasteer.methods.settings import AdapterSettings, ObjectiveSettings
from lorasteer.methods.starting import put_adapter
from lorasteer.methods.stopping import COLLAPSED, Watch, make_watch
from lorasteer.records import Plan, TrainingNotes
from lorasteer.tasks.glance import Glance, Glancer, glance_at
from lorasteer.tasks.material import Material
from lorasteer.tasks.modules import check_rank, classifier_head, resolve_layers
from lorasteer.tasks.prefix import Replay, Rows, replay
from lorasteer.tasks.tensors import Tensors
from lorasteer.tasks.training import Batches, FitReport, Observer, fit

StepT = TypeVar("StepT")


@dataclass(frozen=True)
class Learner:
    """A model that learns, and how its result becomes a change.

    Args:
        model: Wrapped or copied; its free parameters require a gradient.
        network: The part of it that maps inputs to outputs under the base's module names.
        layers: Modules in which it may differ from the base; empty for all.
        finish: Makes the change, with the state that a further training goes on from.
        adapts: Whether those modules stay as they are underneath, with an adapter beside them.
    """

    model: nn.Module
    network: nn.Module
    layers: tuple[str, ...]
    finish: Callable[[TrainingNotes, Tensors], Change]
    adapts: bool = False


def train_adapter(
    material: Material,
    plan: Plan,
    settings: AdapterSettings,
    forget_loss: ForgetLoss | None,
    course: Course,
) -> Change:
    """Train a LoRA adapter on the frozen base.

    Args:
        material: Base, examples and splits.
        plan: Weights, aim and seed.
        settings: Numbers of the run.
        forget_loss: Loss of each forget example; None for a method that only trains on what is retained.
        course: Who watches, and the adapter to go on from.

    Raises:
        PlanError: A layer cannot be adapted, or the rank is too large for one.
    """
    layers = resolve_layers(material.base.model, settings.layers)
    check_rank(material.base.model, layers, settings.rank)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        config = {"r": settings.rank, "lora_alpha": settings.alpha, "lora_dropout": settings.dropout}
        wrapped = wrap_model(material.standing.view(), {**config, "target_modules": exactly(layers)})
    if course.start is not None and isinstance(course.start.change, AdapterChange):
        put_adapter(wrapped, course.start.change)
    prepare(wrapped, dropout=settings.dropout, seed=plan.seed)

    def finish(notes: TrainingNotes, resume: Tensors) -> Change:
        made = adapter_change(material.base, wrapped, plan=plan, training=notes, strength=plan.strength)
        return replace(made, resume=resume or None)

    learner = Learner(wrapped, wrapped.get_base_model(), layers, finish, adapts=True)
    return _train(material, plan, settings, forget_loss, course, learner)


def train_weights(
    material: Material,
    plan: Plan,
    settings: ObjectiveSettings,
    forget_loss: ForgetLoss | None,
    course: Course,
) -> Change:
    """Train a copy of all weights; BatchNorm keeps the base's statistics.

    Args: as `train_adapter`.

    Raises:
        PlanError: It would stand on earlier changes: new values of weights hold all that was changed before, so they could not be
            taken back apart from it.
    """
    if material.ground is not None:
        raise PlanError(
            f"method {plan.method!r} trains the weights themselves, so it cannot be put on top of another change and still be "
            "taken back alone. Choose a method that trains an adapter."
        )
    base = material.base
    model = base.copy() if course.start is None else course.start.change.merged(base).requires_grad_(True)
    numbers = sum(parameter.numel() for parameter in model.parameters())

    def finish(notes: TrainingNotes, resume: Tensors) -> Change:
        made = weight_change(base, model.state_dict(), plan=plan, training=notes, trainable=numbers, strength=plan.strength)
        return replace(made, resume=resume or None)

    return _train(material, plan, settings, forget_loss, course, Learner(model, model, (), finish))


def _train(
    material: Material,
    plan: Plan,
    settings: ObjectiveSettings,
    forget_loss: ForgetLoss | None,
    course: Course,
    learner: Learner,
) -> Change:
    activations = material.before(learner.layers)
    before = activations.seconds
    started = time.perf_counter()
    boundary = activations.cut.boundary
    frozen_beneath = learner.adapts and boundary in learner.layers
    pools = make_pools(material, plan, settings, activations, forgets=forget_loss is not None, answers=frozen_beneath)
    known = f"{boundary}.base_layer" if frozen_beneath else ""
    head = classifier_head(material.base.model)[-1]
    with replay(learner.network, activations.cut, activations.shape, known=known) as run:
        watch = None
        if settings.stop_at is not None and forget_loss is not None:
            watch = make_watch(learner.model, _quietly(learner.model, run), pools, plan, settings)
        course = _seeing(course, lambda part, index: _glance(learner, run, activations.blocks(part, index), head))

        def loss(step: Step) -> Tensor:
            return step_loss(run, step, forget_loss, settings)

        report, resume = fit_watched(learner.model, pools, loss, settings, plan, course, watch)
    return learner.finish(notes_of(report, watch, started, activations.seconds - before), resume)


def notes_of(report: FitReport, watch: Watch | None, started: float, prefix_seconds: float) -> TrainingNotes:
    """How a training ended, for its change's record; `started` is when, by `time.perf_counter`."""
    return TrainingNotes(
        steps=report.steps, kept_step=watch.kept_step if watch else report.kept_step,
        seconds=round(time.perf_counter() - started, 4), prefix_seconds=round(prefix_seconds, 4),
        reason=report.reason if report.reason == "diverged" else (watch.reason if watch else "") or report.reason,
    )  # fmt: skip


def fit_watched(
    model: nn.Module,
    batches: Batches[StepT],
    loss: Callable[[StepT], Tensor],
    settings: ObjectiveSettings,
    plan: Plan,
    course: Course,
    watch: Watch | None,
) -> tuple[FitReport, Tensors]:
    """Train, and keep the best state; also gives what a further training goes on from."""
    if watch is not None and _begin(watch, course):
        return FitReport(0, 0, 0.0, "finished"), {}
    # the watch looks first, so that the others are told what it has just seen
    watched: list[Observer] = [*course.observers]
    if watch is not None:
        watched = [watch, *(_informed(observe, watch) for observe in course.observers)]
    report = fit(
        model, batches, loss, settings.fit_settings(), seed=plan.seed, observers=watched,
        resume=course.resume, resumable=True,
    )  # fmt: skip
    if watch is None:
        return report, report.resume
    watch.put_back()
    # a model that collapsed is no place to go on from: the next training begins at the state that was kept
    lost = not report.resume or watch.reason == COLLAPSED
    return report, {} if lost else {**report.resume, **watch.pack(report.steps)}


def _informed(observe: Observer, watch: Watch) -> Observer:
    """The same observer, told what the watch saw."""
    return lambda progress: observe(replace(progress, seen=watch.seen))


def _begin(watch: Watch, course: Course) -> bool:
    """Let the watch look at where the training begins, or recall what it saw before; True when no step is needed."""
    if course.resume:
        watch.recall(course.resume)
        return False
    return watch.start(further=course.start is not None)


def step_loss(run: Replay, step: Step, forget_loss: ForgetLoss | None, settings: ObjectiveSettings) -> Tensor:
    """Loss of one step: weighted mean over the forget batch, plus the anchor's mean over each pool that is kept.

    Forget and keep batches go through the model together, once.
    """
    samples = [*([step.forget] if forget_loss is not None else []), *step.keep]
    # a pool too large to be held comes without the frozen layer's answers; then they are computed for all of them
    joined: Rows = [torch.cat(slot) for slot in zip(*(sample.rows() for sample in samples), strict=False)]
    logits = list(torch.split(run(joined).float(), [len(sample) for sample in samples]))
    terms: list[Tensor] = []
    if forget_loss is not None:
        forget = step.forget
        losses = forget_loss(ForgetBatch(logits.pop(0), forget.labels, forget.reference, forget.position))
        terms.append(losses @ (forget.weights / forget.weights.sum()))
    for sample, said in zip(step.keep, logits, strict=True):
        share = settings.anchor_weight / len(step.keep) / len(sample)
        terms.append(anchor_losses(settings.anchor, said, sample) @ (share * sample.weights))
    return functools.reduce(torch.add, terms)


def _seeing(course: Course, glancer: Glancer) -> Course:
    """The same course, whose observers can look at the model at each step."""

    def told(observe: Observer) -> Observer:
        return lambda progress: observe(replace(progress, glance=glancer))

    return replace(course, observers=[told(observe) for observe in course.observers])


def _glance(learner: Learner, run: Replay, blocks: Iterable[Rows], head: str) -> Glance:
    with evaluating(learner.model):
        return glance_at(learner.network, run, blocks, head)


def _quietly(model: nn.Module, run: Replay) -> Replay:
    """The same function without the adapter's dropout."""

    def answer(rows: Rows) -> Tensor:
        with evaluating(model):
            return run(rows)

    return answer


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """While the block runs, the modules that are in training mode are in evaluation mode."""
    busy = [module for module in model.modules() if module.training]
    for module in busy:
        module.eval()
    try:
        yield
    finally:
        for module in busy:
            module.train()
