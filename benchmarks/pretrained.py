"""A model somebody else trained (ResNet-20, 91.73 %): a class, directions inside a class, random samples; and MNIST's slant."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.common import CACHE, bench, cifar10, mnist, percent, resnet20, say, told, trained, write
from benchmarks.table1 import MNIST
from lorasteer import Base, Direction, FitSettings, Request, Round, Target, Workbench, load_base, save_base, train_classifier
from lorasteer.evaluation import Context, evaluate
from lorasteer.records import Evaluation
from lorasteer.tasks.vision.data import Examples, ImageData

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5)
SEEDS = (0, 1, 2)
ROUNDS = 5  # of the same request, one after the other
SHORT = FitSettings(
    epochs=6, learning_rate=0.1, batch_size=128, optimizer="sgd", weight_decay=5e-4, schedule="one-cycle",
    augmentation="flip-crop", precision="auto",
)  # fmt: skip


@dataclass(frozen=True)
class Inside:
    """A direction inside a class, by real sub-class names."""

    name: str
    target: str
    subnames: tuple[str, ...]
    settings: dict[str, Any]


SHARED: dict[str, Any] = {
    "epochs": 30, "learning_rate": 2e-3, "batch_size": 128, "margin": 0.9, "stop_at": 0.0, "retain": 1000,
}  # fmt: skip
FIRE_ENGINES = Inside(
    "fire engines", "truck", ("fire_engine", "fire_truck"),
    {**SHARED, "layers": ("layer3.1", "layer3.2"), "rank": 4, "alpha": 8.0, "dropout": 0.3, "weight_decay": 0.3,
     "spare_weight": 1.5},
)  # fmt: skip
OSTRICHES = Inside(
    "ostriches", "bird", ("ostrich", "struthio_camelus"),
    {**SHARED, "layers": ("layer3.2", "linear"), "rank": 4, "alpha": 8.0, "weight_decay": 0.3, "anchor_weight": 7.0,
     "spare_weight": 0.45},
)  # fmt: skip


def class_rounds(data: ImageData) -> None:
    """Forget cat on the pretrained ResNet-20, three seeds; a round is translate, unlearn and the whole quick suite."""
    on = bench(resnet20(data, validation_share=0.0), data)
    rows, rounds = [], []
    for seed in SEEDS:
        request = Request(target=Target(classes=("cat",)), intensity=0.75, seed=seed)
        on.run(request)  # fills the cache: each seed draws its own retain sample
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            done = on.run(request)
            times.append(time.perf_counter() - started)
        rounds.append((seed, statistics.median(times), done))
        say(f"cat, seed {seed}: round of {rounds[-1][1]:.3f} s, unlearning {done.change.record.training.seconds:.3f} s")
    base = rounds[0][2].evaluations[0]
    rows.append(["base", percent(base.value("forget_test_accuracy")), percent(base.value("retain_test_accuracy")), "–", "–"])
    for seed, took, done in rounds:
        accuracies = [percent(done.now.value(name)) for name in ("forget_test_accuracy", "retain_test_accuracy")]
        rows.append([f"LoRA+IHL, seed {seed}", *accuracies, f"{done.change.record.training.seconds:.3f}", f"{took:.3f}"])
    note = (
        f"n = {base['forget_test_accuracy'].n} test cats and {base['retain_test_accuracy'].n} other test images. A round is "
        f"translating, unlearning and the whole quick suite, activations remembered, the median of {ROUNDS}; LoRA on the "
        "one-layer head."
    )
    write(
        "pretrained-cat", "Pretrained ResNet-20 (91.73 %), forget cat", data,
        ["", "forget (test)", "retain (test)", "unlearning, s", "round, s"], rows, note, seeds=list(SEEDS),
        rounds=[{"seed": s, "seconds": t, "evaluation": d.now.model_dump(mode="json")} for s, t, d in rounds],
    )  # fmt: skip


def with_control(data: ImageData, inside: Inside) -> ImageData:
    """The data with an attribute `control`: as many random members of the class as the direction has."""
    label = data.classes.index(inside.target)

    def marked(part: Examples, seed: int) -> Examples:
        members = np.flatnonzero(part.labels == label)
        count = int(np.isin(part.attributes["subname"][members], inside.subnames).sum())
        column = np.full(len(part), "other", dtype="<U6")
        column[np.random.default_rng(seed).choice(members, count, replace=False)] = "chosen"
        return Examples(part.images, part.labels, part.ids, {**part.attributes, "control": column})

    return replace(data, train=marked(data.train, 0), test=marked(data.test, 1))


def curve(on: Workbench, done: Round) -> list[dict[str, float]]:
    """Accuracy on the direction, on the rest of its class and on the other classes as the strength dial turns."""
    points = []
    base = on.outputs(done.change, done.translation, strength=0.0)
    for strength in STRENGTHS:
        seen = evaluate(Context(on.outputs(done.change, done.translation, strength=strength), base))
        names = ("direction_accuracy", "target_rest_accuracy", "retain_test_accuracy")
        points.append({"strength": strength, **{name: seen.value(name) or 0.0 for name in names}})
    return points


def steered(data: ImageData, inside: Inside, *, control: bool) -> list[dict[str, float]]:
    """Forget a direction, or a random one of the same size, on the pretrained ResNet-20."""
    on = bench(resnet20(data, validation_share=0.0), data)
    direction = (
        Direction(attribute="control", values=("chosen",)) if control else Direction(attribute="subname", values=inside.subnames)
    )
    settings = dict(inside.settings)
    request = Request(target=Target(classes=(inside.target,)), intensity=0.75, direction=direction, settings=settings)
    done = on.run(request)
    say(f"{inside.name}{' (control)' if control else ''}: {done.change.record.training.reason}")
    return curve(on, done)


def without_them(data: ImageData) -> Evaluation:
    """What a model trained by a short recipe without any of the directions' images says about their test images."""
    where = " or ".join(f"(class == {i.target} and subname in {{{', '.join(i.subnames)}}})" for i in (FIRE_ENGINES, OSTRICHES))
    request = Request(target=Target(where=where))
    splits = bench(resnet20(data, validation_share=0.0), data).translate(request).splits
    folder = CACHE / "without" / splits.digest[:16]
    if not (folder / "base.json").is_file():
        observers = [told("ResNet-20 without the directions")]
        save_base(train_classifier(data, "resnet20", SHORT, seed=0, without=splits, observers=observers), folder)
    on = bench(load_base(folder), data)
    return on.look(on.translate(request))[0]


def directions(data: ImageData) -> None:
    """Fire engines within truck and ostriches within bird, each with a random direction of the same size as control."""
    rows, curves = [], {}
    for inside in (FIRE_ENGINES, OSTRICHES):
        marked = with_control(data, inside)
        for control in (False, True):
            points = steered(marked, inside, control=control)
            label = f"{'random control of ' if control else ''}{inside.name} in {inside.target}"
            curves[label] = points
            for point in points:
                cells = [percent(point[n]) for n in ("direction_accuracy", "target_rest_accuracy", "retain_test_accuracy")]
                rows.append([label, f"{point['strength']:g}", *cells])
    gold = without_them(data)
    whole, theirs = percent(gold.value("test_accuracy")), percent(gold.value("forget_test_accuracy"))
    note = (
        "Accuracy in per cent on test images, along the strength dial; strength 0 is the base. A ResNet-20 trained for "
        f"{SHORT.epochs} epochs without the images of both directions (test accuracy {whole}) still classifies {theirs} % of "
        f"their {gold['forget_test_accuracy'].n} test images rightly: steering away from them is a choice of behaviour, not the "
        "deletion of data."
    )
    write(
        "directions", "A direction inside a class, pretrained ResNet-20", data,
        ["direction", "strength", "direction", "rest of class", "other classes"], rows, note, seeds=[0],
        curves=curves, settings={i.name: i.settings for i in (FIRE_ENGINES, OSTRICHES)},
        retrained_without=gold.model_dump(mode="json"), recipe_without=SHORT.model_dump(),
    )  # fmt: skip


def slant(data: ImageData) -> None:
    """MNIST's continuous attribute: forget strongly slanted sevens, keep upright ones."""
    base = trained(data, MNIST.model, MNIST.recipe, 0)
    on = bench(base, data)
    direction = Direction(attribute="slant", sharpness=20.0)
    settings = {"epochs": 40, "stop_at": 0.0, "anchor_weight": 10.0, "spare_weight": 1.0, "learning_rate": 2e-3}
    request = Request(target=Target(classes=("7",)), intensity=0.75, direction=direction, settings=settings)
    done = on.run(request)
    points = curve(on, done)
    rows = [
        [f"{p['strength']:g}", *(percent(p[n]) for n in ("direction_accuracy", "target_rest_accuracy", "retain_test_accuracy"))]
        for p in points
    ]
    note = "Accuracy in per cent on test images: sevens with more slant than average, the other sevens, and the other digits."
    write(
        "slant", "A continuous direction: slanted sevens of MNIST", data,
        ["strength", "slanted", "upright", "other digits"], rows, note, seeds=[0], curve=points, settings=settings,
    )  # fmt: skip


def random_samples(name: str, data: ImageData, base: Base, count: int, settings: dict[str, Any]) -> None:
    """Forget random training examples: end where unseen examples are, not at zero."""
    on = bench(base, data)
    rows, found = [], []
    for seed in SEEDS:
        done = on.run(Request(target=Target(random=count), intensity=0.75, seed=seed, settings=settings))
        found.append(done)
        for label, seen in (("base", done.evaluations[0]), ("LoRA+IHL", done.now)):
            rows.append([f"{label}, seed {seed}", *samples_row(seen)])
        rows[-1].append(done.change.record.training.reason)
        rows[-2].append("–")
        say(f"{name}, seed {seed}: {done.remarks}")
    record = base.record
    note = (
        f"{count:,} random training examples; accuracy in per cent. The stop looks at held-out examples "
        f"({percent(record.validation_share)} % of the {record.validation_part} part), which are not in the test figures."
    )
    write(
        f"random-{name}", f"Random samples: {count:,} of {data.name.rpartition('/')[2]}", data,
        ["", "forget", "unseen (test)", "MIA AUC", "ended"], rows, note, seeds=list(SEEDS), settings=settings,
        runs=[{"base": d.evaluations[0].model_dump(mode="json"), "now": d.now.model_dump(mode="json"), "remarks": d.remarks}
              for d in found],
    )  # fmt: skip


def samples_row(seen: Evaluation) -> Sequence[str]:
    """Forget accuracy, test accuracy, membership AUC."""
    auc = seen.value("mia_auc")
    return (
        percent(seen.value("forget_accuracy")), percent(seen.value("test_accuracy")),
        "–" if auc is None else f"{auc:.3f}",
    )  # fmt: skip


RANDOM_MNIST: dict[str, Any] = {}
RANDOM_CIFAR: dict[str, Any] = {
    "layers": ("layer3", "linear"), "epochs": 40, "batch_size": 128, "dropout": 0.0, "retain": 15000, "anchor_weight": 20.0,
    "learning_rate": 2e-3, "margin": 0.1,
}  # fmt: skip


def main_cat() -> None:
    """A class."""
    class_rounds(cifar10())


def main_random_mnist() -> None:
    """A tenth of MNIST."""
    digits = mnist()
    random_samples("mnist", digits, trained(digits, MNIST.model, MNIST.recipe, 0), len(digits.train) // 10, RANDOM_MNIST)


def main_random_cifar10() -> None:
    """A thousand images of CIFAR-10."""
    pictures = cifar10()
    random_samples("cifar10", pictures, resnet20(pictures, validation_share=0.2), 1000, RANDOM_CIFAR)


def main_slant() -> None:
    """A continuous direction."""
    slant(mnist())


def main_directions() -> None:
    """Directions inside classes, by sub-class names."""
    directions(cifar10())
