"""Shadow models: models like the base, each trained on a random half of a pool, from which attacks learn what training leaves behind.

Three kinds, named with every number that rests on them:

- `full`: all weights from new, by the base's own recipe (without augmentation). What an attacker with the recipe could do.
- `part`: only the modules from the first altered one on, from new, on what the frozen part before them says.
- `head`: only the last linear layer, all shadow models at once by one matrix product per step.

The frozen part of `part` and `head` shadows was trained on every training example, so what it remembers of an example is in
"trained on it" and "never saw it" alike, and cancels: they show what the layers behind it give away, not what the features do. A leak
they find is one; that they find none says little about the features. Shadow models also see fewer examples than the base where
the pool is smaller than its training set, and memorise each the more.

Blocks of shadow models are kept when done, each under a key made of base, data, splits, pool, recipe and seed; a block of another
key, or a damaged one, is trained anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from pydantic import Field
from torch import Tensor, nn

from lorasteer.core.statistics import label_log_odds
from lorasteer.errors import PlanError, WeightsError
from lorasteer.evaluation.audit.heads import train_heads
from lorasteer.evaluation.audit.pool import Pool
from lorasteer.evaluation.audit.subject import Ground
from lorasteer.records import Settings
from lorasteer.tasks.activations import FORWARD
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.prefix import Cut, Rows, find_cut, record, replay
from lorasteer.tasks.tensors import Tensors, read_tensors, write_tensors
from lorasteer.tasks.training import FitSettings, fit

Kind = Literal["head", "part", "full"]
HEADS_AT_ONCE = 16  # a block of head shadows
_BACKWARD = 3  # a step costs about three forward passes
_FORMAT = 1  # counted up when the same key would give other shadow models


class ShadowSettings(Settings):
    """How shadow models are trained."""

    shadows: Annotated[int, Field(ge=4, multiple_of=2)] = 64
    """Shadow models; each example is in half of them."""
    kind: Literal["auto", "head", "part", "full"] = "auto"
    """What of the model is trained: all of it, the part behind the first altered module, or the last layer; `auto` takes all of it
    where that keeps within `seconds`, else the last layer."""
    seconds: Annotated[float, Field(ge=0)] = 120.0
    """Longest estimated time that `auto` spends on full shadow models."""
    candidates: Annotated[int, Field(ge=2)] = 2000
    """Members, and others, at most."""
    beside: Annotated[int, Field(ge=0)] = 5000
    """Retained examples in the pool at most."""
    head_epochs: Annotated[int, Field(gt=0)] = 30
    """Passes over the pool for head shadows, and for part and full ones of a base that was trained elsewhere."""
    head_learning_rate: Annotated[float, Field(gt=0)] = 0.01
    """Learning rate at the start for head shadows."""


@dataclass(frozen=True)
class Shadows:
    """Trained shadow models, and what they say about the candidates.

    Args:
        kind: What of each was trained.
        pool: What they were trained on halves of.
        inside: Which candidates each was trained on, bool, shape [k, candidates].
        logits: What each says about the candidates, float32, shape [k, candidates, classes].
        learned: Trained tensors of each by the base's names.
        seconds: Time spent on training now; 0 where all were kept.
    """

    kind: Kind
    pool: Pool
    inside: Tensor
    logits: Tensor
    learned: tuple[Tensors, ...]
    seconds: float

    @property
    def confidence(self) -> Tensor:
        """log p - log(1 - p) of the true class, float64, shape [k, candidates]."""
        return torch.stack([label_log_odds(said, self.pool.classes) for said in self.logits])

    @property
    def log_probability(self) -> Tensor:
        """log p of the true class, float64, shape [k, candidates]."""
        index = self.pool.classes.expand(len(self.logits), -1)[..., None]
        return self.logits.double().log_softmax(-1).gather(-1, index).squeeze(-1)

    @property
    def words(self) -> str:
        """How many there are and of which kind, for a note."""
        what = {"full": "trained from new", "part": "of which the altered part was trained", "head": "of which the last layer was trained"}
        return f"{len(self.inside)} shadow models ({self.kind}: {what[self.kind]}), each on {len(self.pool) // 2} examples"

    def network(self, ground: Ground, number: int) -> nn.Module:
        """One shadow model as a network of its own, frozen, in evaluation mode."""
        network = ground.base.copy().requires_grad_(False)
        live = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        for name, tensor in self.learned[number].items():
            live[name].copy_(tensor)
        return network


def shadow_models(ground: Ground, settings: ShadowSettings, *, clean: bool = False) -> Shadows:
    """The shadow models of a ground: those that are kept are read, the others trained, a block at a time.

    Args:
        ground: Base, data, splits; its cache folder keeps what is done, without one it is kept for this ground only.
        settings: How many, and how they are trained.
        clean: Whether candidates are left out of every half: models retrained without anything under suspicion.

    Raises:
        PlanError: There are no candidates on one side, or a module cannot be made anew.
    """
    key = (settings.digest, clean)
    return ground.remember(("shadows", *key), lambda: _Workshop.of(ground, settings, clean).shadows())


def kind_of(ground: Ground, settings: ShadowSettings) -> Kind:
    """Which kind `auto` means here, from the measured time of a forward pass; the same answer for all attacks of a ground."""
    if settings.kind != "auto":
        return settings.kind
    return ground.remember(("shadow kind", settings.digest), lambda: _affordable(ground, settings))


def _affordable(ground: Ground, settings: ShadowSettings) -> Kind:
    whole = ground.base.record.fit is not None and not _fixed_modules(ground.base.model)
    return "full" if whole and seconds_for(ground, settings, "full") <= settings.seconds else "head"


def seconds_for(ground: Ground, settings: ShadowSettings, kind: Kind) -> float:
    """Estimated time of training shadow models of a kind."""
    pool = pool_of(ground, settings)
    forward = len(pool) * ground.forward_seconds
    if kind == "head":
        products = len(pool) * settings.shadows * settings.head_epochs * ground.classes * ground.base.model.get_submodule(
            classifier_head(ground.base.model)[-1]
        ).get_parameter("weight").shape[1]  # fmt: skip
        return forward + products * 6 / 5e9
    epochs = recipe_of(ground, settings).epochs
    return settings.shadows * forward * (epochs * _BACKWARD / 2 + 1)


def pool_of(ground: Ground, settings: ShadowSettings) -> Pool:
    """What shadow models of a ground are trained on halves of."""
    key = ("pool", settings.candidates, settings.beside)
    return ground.remember(key, lambda: Pool.on(ground, candidates=settings.candidates, beside=settings.beside))


def recipe_of(ground: Ground, settings: ShadowSettings) -> FitSettings:
    """The base's own recipe without augmentation, in full precision; plain settings for a base that was trained elsewhere."""
    known = ground.base.record.fit or FitSettings(epochs=settings.head_epochs)
    return known.model_copy(update={"augmentation": "none", "precision": "fp32"})


@dataclass(frozen=True)
class _Workshop:
    """Everything that training a block of shadow models takes."""

    ground: Ground
    settings: ShadowSettings
    kind: Kind
    pool: Pool
    inside: Tensor
    recipe: FitSettings
    clean: bool

    @classmethod
    def of(cls, ground: Ground, settings: ShadowSettings, clean: bool) -> _Workshop:
        pool, kind = pool_of(ground, settings), kind_of(ground, settings)
        if not len(pool.members) or not pool.others:
            raise PlanError(
                "membership attacks need forget examples and unseen ones of the same classes; there are none of one side. "
                "Load data with a test part, or hold some examples out."
            )
        fixed = _fixed_modules(ground.base.model) if kind == "full" else []
        if fixed:
            raise PlanError(f"module {fixed[0]!r} cannot be made anew, so there are no full shadow models. Use kind 'head'.")
        inside = _halves(settings.shadows, len(pool), ground.generator("shadow halves"))
        if clean:
            inside[:, : pool.candidates] = False
        return cls(ground, settings, kind, pool, inside, recipe_of(ground, settings), clean)

    @property
    def key(self) -> str:
        """What makes these shadow models what they are."""
        ground = self.ground
        recipe = (self.kind, self.settings.shadows, self.settings.head_epochs, self.settings.head_learning_rate, self.recipe.digest)
        layers = ground.layers if self.kind == "part" else ()
        parts = (_FORMAT, ground.base.digest, self.pool.digest, ground.splits.digest, recipe, layers, ground.seed, self.clean)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def shadows(self) -> Shadows:
        started = time.perf_counter()
        size = HEADS_AT_ONCE if self.kind == "head" else 1
        blocks = [range(start, min(start + size, len(self.inside))) for start in range(0, len(self.inside), size)]
        kept, new = [self._kept(block) for block in blocks], False
        with self._trainer(needed=None in kept) as train:
            for number, block in enumerate(blocks):
                if kept[number] is None:
                    kept[number], new = train(block), True
                    self._keep(block, kept[number] or [])
        made = [one for block in kept for one in block or ()]
        logits = torch.stack([one.pop("logits") for one in made])
        seconds = time.perf_counter() - started if new else 0.0
        return Shadows(self.kind, self.pool, self.inside[:, : self.pool.candidates], logits, tuple(made), seconds)
