"""A crowd of small models of the digits, trained side by side: one that knows all, fifty-odd that never saw the sevens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lorasteer.changes.weights import WeightChange, weight_change
from lorasteer.evaluation.audit import Ground, Subject, run_attack
from lorasteer.records import Settings
from lorasteer.records.audit import AttackResult
from lorasteer.tasks.base import Base, BaseRecord, weights_digest
from lorasteer.tasks.splits import Holdout, Index, Part, Splits, make_splits
from lorasteer.tasks.vision.classifier import adopt, holdout_for, inputs_for
from lorasteer.tasks.vision.models import build_model
from tests.support.toy import hooks_of, toy_data

SEVEN, CLASSES, WIDTH = 7, 10, 32
CROWD = 54  # models that never saw a seven: two retrained ones, two spare, fifty draws
_STEPS, _BATCH, _RATE = 150, 100, 1e-2


@cache
def crowd() -> tuple[nn.Module, ...]:
    """A model that knows all digits, then `CROWD` that were trained without the sevens, each from another start."""
    networks = [untrained(seed) for seed in range(CROWD + 1)]
    layers = ("fc1", "fc2", "fc3")
    weights = [torch.stack([n.get_parameter(f"{layer}.weight") for n in networks]).detach() for layer in layers]
    biases = [torch.stack([n.get_parameter(f"{layer}.bias") for n in networks]).detach() for layer in layers]
    learning = [tensor.requires_grad_(True) for tensor in (*weights, *biases)]
    _train_together(learning)
    with torch.no_grad():
        for number, network in enumerate(networks):
            for place, layer in enumerate(layers):
                network.get_parameter(f"{layer}.weight").copy_(weights[place][number])
                network.get_parameter(f"{layer}.bias").copy_(biases[place][number])
    return tuple(network.eval().requires_grad_(False) for network in networks)


def _train_together(learning: list[Tensor]) -> None:
    """AdamW on all models at once; each draws its own batches, the first from all digits, the others from all but the sevens."""
    data = toy_data().train
    pixels = _inputs().batch("train", np.arange(len(data))).flatten(1)
    labels = torch.from_numpy(data.labels).long()
    allowed = [np.arange(len(data)), *[np.flatnonzero(data.labels != SEVEN)] * CROWD]
    generator, optimizer = np.random.default_rng(0), torch.optim.AdamW(learning, _RATE, weight_decay=1e-3)
    for _ in range(_STEPS):
        chosen = torch.from_numpy(np.stack([generator.choice(index, _BATCH) for index in allowed]))
        x = pixels[chosen]
        for place in range(3):
            x = torch.baddbmm(learning[3 + place][:, None], x if place == 0 else x.relu(), learning[place].transpose(1, 2))
        optimizer.zero_grad()
        functional.cross_entropy(x.flatten(0, 1), labels[chosen].flatten(), reduction="sum").div(_BATCH).backward()
        optimizer.step()


def untrained(seed: int) -> nn.Module:
    """A model as it starts, in training mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_model("mlp", CLASSES, toy_data().shape, width=WIDTH)


@cache
def base() -> Base:
    """The model that knows all digits."""
    return adopt(crowd()[0], toy_data(), name="mlp", options={"width": WIDTH})


@cache
def _inputs() -> object:
    return inputs_for(adopt(untrained(0), toy_data(), name="mlp", options={"width": WIDTH}), toy_data())


@cache
def whole_class() -> Splits:
    """Splits that forget the sevens."""
    return _splits(toy_data().train.labels == SEVEN, toy_data().test.labels == SEVEN)


@cache
def single_examples() -> Splits:
    """Splits that forget half of the training sevens, by name: the class is retained, and no test example is of the target."""
    chosen = toy_data().train.labels == SEVEN
    chosen[np.flatnonzero(chosen)[::2]] = False
    return _splits(chosen, np.zeros(len(toy_data().test), bool))


def _splits(train: np.ndarray, test: np.ndarray) -> Splits:
    held_out = holdout_for(base().record, toy_data())
    return make_splits(train, test, held_out, data=toy_data().digest, wording="the sevens")


def ground(*, splits: Splits | None = None, retrained: int = 2, seed: int = 0) -> Ground:
    """Where attacks take place, with nothing remembered yet."""
    return Ground(
        base(), inputs_for(base(), toy_data()), splits or whole_class(), seed=seed,
        retrained=tuple(never_saw(number) for number in range(retrained)),
    )  # fmt: skip


@cache
def never_saw(number: int) -> Subject:
    """One of the models that were trained without the sevens, 0 … 53."""
    return Subject.of_network(f"retrained (seed {number})", crowd()[1 + number])


def fifty() -> list[Subject]:
    """Draws of a null test: models that never saw a seven, none of them among the retrained ones of a ground."""
    return [never_saw(number) for number in range(4, CROWD)]


def masked(by: float = 1e4) -> Subject:
    """The base with the seven's bias lowered: suppressed, nothing removed."""
    bias = base().model.get_parameter("fc3.bias").clone()
    bias[SEVEN] -= by
    return changed("masked", {"fc3.bias": bias})


def changed(name: str, values: Mapping[str, Tensor]) -> Subject:
    """The base with new values for some of its numbers."""
    return Subject.of_change(name, base(), change_of(values))


def change_of(values: Mapping[str, Tensor]) -> WeightChange:
    """New values for some of the base's numbers."""
    return weight_change(base(), values)


def value(result: AttackResult, name: str) -> float:
    """A number that an attack found."""
    found = result.value(name)
    assert found is not None, result[name].note
    return found


def readings(attack: str, name: str, subjects: Sequence[Subject], settings: Settings | None = None) -> list[float]:
    """What an attack finds on each of several models, on one ground."""
    place = ground()
    return [value(run_attack(attack, place, subject, settings), name) for subject in subjects]


def false_alarms(attack: str, *names: str, settings: Settings | None = None) -> dict[str, float]:
    """For each number, the share of fifty models that never saw a seven which it puts nearer to the base than to two others."""
    place = ground()
    asked = [never_saw(0), never_saw(1), place.original, *fifty()]
    results = [run_attack(attack, place, subject, settings) for subject in asked]
    found = {}
    for name in names:
        first, second, knows, *others = (value(result, name) for result in results)
        middle = (first + second) / 2
        found[name] = float(np.mean([abs(other - knows) < abs(other - middle) for other in others]))
    return found


def same_numbers(network: nn.Module, digest: str) -> bool:
    """Whether a network holds the numbers it held, in evaluation mode, frozen and without hooks."""
    frozen = not any(parameter.requires_grad for parameter in network.parameters())
    return weights_digest(network) == digest and not network.training and frozen and not hooks_of(network)


class Vectors:
    """Examples given as vectors, for numbers worked by hand: the same ones to train and to test with."""

    digest = "v" * 64

    def __init__(self, rows: Tensor, labels: Tensor) -> None:
        self.rows, self._labels = rows, labels

    def size(self, part: Part) -> int:
        """Number of examples."""
        return len(self.rows)

    def batch(self, part: Part, index: Index) -> Tensor:
        """Rows of these examples."""
        return self.rows[torch.from_numpy(np.asarray(index))]

    def labels(self, part: Part, index: Index) -> Tensor:
        """Classes of these examples."""
        return self._labels[torch.from_numpy(np.asarray(index))]


def vector_ground(network: nn.Module, rows: Tensor, labels: Tensor, *, target: int, seed: int = 0) -> Ground:
    """A ground of vectors, all of them to train and to test with; those of one class are to be forgotten."""
    classes = tuple(map(str, range(int(labels.max()) + 1)))
    record = BaseRecord(model="vectors", classes=classes, data="vectors", data_digest="v" * 64)
    mine, others = (np.flatnonzero(labels.numpy() == target), np.flatnonzero(labels.numpy() != target))
    splits = Splits(mine, others, mine, others, Holdout("train", np.empty(0, np.int64)), "v" * 64)
    return Ground(Base(record, network), Vectors(rows, labels), splits, seed=seed)


def linear(weight: Sequence[Sequence[float]]) -> nn.Module:
    """A network of one linear layer without bias."""
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    layer.weight.data = torch.tensor(weight)
    return nn.Sequential(layer).eval().requires_grad_(False)
