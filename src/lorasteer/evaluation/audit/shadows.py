"""Shadow models: like the base, each trained on a random half of a pool; attacks learn from them what training leaves behind.

Three kinds, named with every number that rests on them:

- `full`: all weights from new, by the base's own recipe (without augmentation). What an attacker with the recipe could do.
- `part`: only the modules from the first altered one on, from new, on what the frozen part before them says.
- `head`: only the last linear layer, all shadow models at once by one matrix product per step.

The frozen part of `part` and `head` shadows was trained on every training example, so what it remembers of an example is in
"trained on it" and "never saw it" alike, and cancels: they show what the layers behind it give away, not what the features do. A
leak they find is one; that they find none says little about the features. Where the pool is smaller than the base's training set,
shadow models also see fewer examples than the base, and memorise each the more.

Blocks of shadow models are kept when done, each under a key made of base, data, splits, pool, recipe and seed; a block of another
key, or a damaged one, is trained anew.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lorasteer.core.statistics import label_log_odds
from lorasteer.errors import PlanError, WeightsError
from lorasteer.evaluation.audit.pool import Pool
from lorasteer.evaluation.audit.shadow_training import LOGITS, Apprenticeship, Heads, Networks, is_new_by_itself, load_learned
from lorasteer.evaluation.audit.subject import Ground
from lorasteer.records import Settings
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.tensors import Tensors, read_tensors, write_tensors
from lorasteer.tasks.training import FitSettings

Kind = Literal["head", "part", "full"]
HEADS_AT_ONCE = 16  # a block of head shadows
_BACKWARD = 3  # a step costs about three forward passes
MULTIPLY_ADDS = 5e9
"""Multiply-adds per second that an ordinary core is taken to do."""
_FORMAT = 1  # counted up when the same key would give other shadow models
_SEED_STRIDE = 1009  # more than there are shadow models
_MADE = {
    "full": "trained from new",
    "part": "of which the part behind the first altered module was trained, on features that saw every training example",
    "head": "of which the last layer was trained, on features that saw every training example",
}


class ShadowSettings(Settings):
    """How shadow models are trained."""

    shadows: Annotated[int, Field(ge=4, le=1000, multiple_of=2)] = 64
    """Shadow models; each example is in half of them."""
    kind: Literal["auto", "head", "part", "full"] = "auto"
    """What of the model is trained: all of it, the part behind the first altered module, or the last layer; `auto` takes all
    where that keeps within `seconds`, else the last layer."""
    seconds: Annotated[float, Field(ge=0)] = 120.0
    """Longest time that `auto` spends on full shadow models, in seconds of an ordinary core."""
    candidates: Annotated[int, Field(ge=2)] = 2000
    """Members, and others, at most."""
    beside: Annotated[int, Field(ge=0)] = 5000
    """Retained examples in the pool at most."""
    epochs: Annotated[int, Field(gt=0)] = 15
    """Passes over the pool for head shadows, and for networks where the base's own recipe is not known."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    """Learning rate of head shadows at the start."""

    @property
    def training(self) -> ShadowSettings:
        """These settings alone, so that attacks whose settings hold more share their shadow models."""
        return ShadowSettings(**{name: getattr(self, name) for name in ShadowSettings.model_fields})


def behind(settings: ShadowSettings) -> bool:
    """Whether shadow models depend on the modules that the audited change alters."""
    return settings.kind == "part"


@dataclass(frozen=True)
class Shadows:
    """Trained shadow models, and what they say about the candidates.

    Args:
        kind: What of each was trained.
        pool: What they were trained on halves of.
        halves: Which examples of the pool each was trained on, bool, shape [k, len(pool)].
        logits: What each says about the candidates, float32, shape [k, candidates, classes].
        learned: Trained tensors of each by the base's names.
        trained: How many were trained now; the others were kept from before.
        seconds: Time that took.
        key: Names all that they depend on.
    """

    kind: Kind
    pool: Pool
    halves: Tensor
    logits: Tensor
    learned: tuple[Tensors, ...]
    trained: int
    seconds: float
    key: str = ""

    def __len__(self) -> int:
        return len(self.halves)

    @property
    def inside(self) -> Tensor:
        """Which candidates each was trained on, bool, shape [k, candidates]."""
        return self.halves[:, : self.pool.candidates]

    @property
    def confidence(self) -> Tensor:
        """Log p - log(1 - p) of the true class, float64, shape [k, candidates]."""
        return torch.stack([label_log_odds(said, self.pool.classes) for said in self.logits])

    @property
    def log_probability(self) -> Tensor:
        """Log p of the true class, float64, shape [k, candidates]."""
        index = self.pool.classes.expand(len(self), -1)[..., None]
        return self.logits.double().log_softmax(-1).gather(-1, index).squeeze(-1)

    @property
    def words(self) -> str:
        """How many there are and of which kind, as a sentence."""
        each = int(self.halves.sum(1).double().mean().round())
        return f"{len(self)} shadow models ({self.kind}: {_MADE[self.kind]}), each on about {each} examples."

    def network(self, ground: Ground, number: int) -> nn.Module:
        """One shadow model as a network of its own, frozen, in evaluation mode."""
        return load_learned(ground.base, self.learned[number])


def shadow_models(ground: Ground, settings: ShadowSettings, *, clean: bool = False) -> Shadows:
    """The shadow models of a ground: those that are kept are read, the others trained, a block at a time.

    Args:
        ground: Base, data, splits; its cache folder keeps what is done, without one it is kept for this ground only.
        settings: How many, and how they are trained.
        clean: Whether candidates are left out of every half: models retrained without anything under suspicion.

    Raises:
        PlanError: There are no candidates on one side, or a module cannot be made anew.
    """
    training = settings.training
    return ground.remember(("shadows", training.digest, clean), lambda: _gather(ground, training, clean))


def kind_of(ground: Ground, settings: ShadowSettings) -> Kind:
    """Which kind `auto` means here, from the multiply-adds it takes: the same on every machine, however busy it is."""
    if settings.kind != "auto":
        return settings.kind
    return ground.remember(("shadow kind", settings.training.digest), lambda: _affordable(ground, settings))


def _affordable(ground: Ground, settings: ShadowSettings) -> Kind:
    if ground.base.record.fit is None or not is_new_by_itself(ground.base.model):
        return "head"
    passes = settings.shadows * len(pool_of(ground, settings)) * (recipe_of(ground, settings).epochs * _BACKWARD / 2 + 1)
    return "full" if passes * forward_cost(ground) <= settings.seconds else "head"


def forward_cost(ground: Ground) -> float:
    """Seconds that an ordinary core is taken to need for one example's way through the base: the same on every machine."""

    def counted() -> float:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            ground.base.model(ground.batch("train", np.zeros(1, np.int64)))
        return float(counter.get_total_flops() / 2 / MULTIPLY_ADDS)

    return ground.remember(("forward cost",), counted)


def seconds_for(ground: Ground, settings: ShadowSettings, kind: Kind) -> float:
    """Estimated time of training shadow models of a kind."""
    pool = pool_of(ground, settings)
    forward = len(pool) * ground.forward_seconds
    if kind == "head":
        numbers = ground.base.model.get_submodule(classifier_head(ground.base.model)[-1]).get_parameter("weight").numel()
        return forward + len(pool) * settings.shadows * settings.epochs * numbers * _BACKWARD / MULTIPLY_ADDS
    return settings.shadows * forward * (recipe_of(ground, settings).epochs * _BACKWARD / 2 + 1)


def pool_of(ground: Ground, settings: ShadowSettings) -> Pool:
    """What shadow models of a ground are trained on halves of."""
    key = ("shadow pool", settings.candidates, settings.beside)
    return ground.remember(key, lambda: Pool.on(ground, candidates=settings.candidates, beside=settings.beside))


def recipe_of(ground: Ground, settings: ShadowSettings) -> FitSettings:
    """The base's own recipe without augmentation, in full precision; plain settings for a base that was trained elsewhere."""
    known = ground.base.record.fit or FitSettings(epochs=settings.epochs)
    return known.model_copy(update={"augmentation": "none", "precision": "fp32"})


def _gather(ground: Ground, settings: ShadowSettings, clean: bool) -> Shadows:
    started = time.perf_counter()
    pool, kind = pool_of(ground, settings), kind_of(ground, settings)
    if not len(pool.members) or not pool.others:
        raise PlanError(
            "membership attacks need forget examples and unseen ones of the same classes; one side is empty. "
            "Load data with a test part, or hold some examples out."
        )
    halves = _halves(settings.shadows, len(pool), ground.generator("shadow halves"))
    if clean:
        halves[:, : pool.candidates] = False
    task = Apprenticeship(ground.base, pool, halves, recipe_of(ground, settings), ground.seed * _SEED_STRIDE)
    shelf = _Shelf(ground.cache, _key(ground, settings, task, kind, clean))
    size = HEADS_AT_ONCE if kind == "head" else 1
    made, trained = _made_or_kept(shelf, settings.shadows, size, _maker(ground, settings, task, kind))
    logits = torch.stack([one[LOGITS] for one in made])
    learned = tuple({name: tensor for name, tensor in one.items() if name != LOGITS} for one in made)
    return Shadows(kind, pool, halves, logits, learned, trained, time.perf_counter() - started, shelf.key)


def _halves(shadows: int, examples: int, generator: np.random.Generator) -> Tensor:
    """Each example inside exactly half of the shadow models, drawn for each by itself; bool, shape [shadows, examples]."""
    ranks = generator.random((shadows, examples)).argsort(0)
    return torch.from_numpy(ranks < shadows // 2)


def _key(ground: Ground, settings: ShadowSettings, task: Apprenticeship, kind: Kind, clean: bool) -> str:
    """What makes shadow models what they are; what does not matter to their kind is left out."""
    how = (settings.epochs, settings.learning_rate) if kind == "head" else (task.recipe.digest,)
    layers = ground.layers if kind == "part" else ()
    what = (ground.base.digest, task.pool.digest, ground.splits.digest, kind, layers, how, settings.shadows, ground.seed, clean)
    return hashlib.sha256(repr((_FORMAT, *what)).encode()).hexdigest()


Maker = Callable[[range], list[Tensors]]


def _maker(ground: Ground, settings: ShadowSettings, task: Apprenticeship, kind: Kind) -> Callable[[], Maker]:
    """What trains a block; made only where one has to be trained, for it computes features first."""
    if kind == "head":
        return lambda: Heads(task, settings.epochs, settings.learning_rate)
    return lambda: Networks(task, ground.layers if kind == "part" else ())


def _made_or_kept(shelf: _Shelf, count: int, size: int, maker: Callable[[], Maker]) -> tuple[list[Tensors], int]:
    made, trained, train = list[Tensors](), 0, None
    for start in range(0, count, size):
        block = range(start, min(start + size, count))
        kept = shelf.read(block)
        if kept is None:
            train = train or maker()
            kept, trained = train(block), trained + len(block)
            shelf.write(block, kept)
        made += kept
    return made, trained


@dataclass(frozen=True)
class _Shelf:
    """Where blocks are kept; nowhere without a folder."""

    folder: Path | None
    key: str

    def read(self, block: range) -> list[Tensors] | None:
        """A block of this key that is whole; None otherwise."""
        path = self._path(block)
        if path is None or not path.is_file():
            return None
        try:
            tensors, facts = read_tensors(path)
        except WeightsError:
            return None
        if facts.get("key") != self.key:
            return None
        made: list[Tensors] = [{} for _ in block]
        for name, tensor in tensors.items():
            number, _, own = name.partition("/")
            made[int(number)][own] = tensor
        return made

    def write(self, block: range, made: list[Tensors]) -> None:
        path = self._path(block)
        if path is not None:
            tensors = {f"{number}/{name}": tensor for number, one in enumerate(made) for name, tensor in one.items()}
            write_tensors(path, tensors, metadata={"key": self.key})

    def _path(self, block: range) -> Path | None:
        return self.folder / "shadows" / self.key[:32] / f"{block.start:04}.safetensors" if self.folder else None
