"""The seed paper's Table 1: every method, MNIST forget 7 and CIFAR-10 forget cat, the paper's models, three seeds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.common import bench, cifar10, mnist, percent, say, told_stage, trained, write
from lorasteer import Base, FitSettings, Request, Target, Workbench
from lorasteer.session.comparison import Comparison, Row, compare, document, summarise
from lorasteer.tasks.vision.data import ImageData

SEEDS = (0, 1, 2)
INTENSITY = 0.75
SETTINGS = {"neggrad-plus": {"epochs": 3}}  # ten epochs of all weights take longer than retraining here
COLUMNS = (
    "test_accuracy", "retain_accuracy", "forget_accuracy", "forget_test_accuracy", "retain_test_accuracy", "mia_efficacy_paper",
    "mia_auc", "kl_to_retrained_forget", "gap_to_retrained",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One half of the table.

    Args:
        name: Name of the result file.
        title: Title of the table.
        forget: Class to forget.
        model: Registered model.
        recipe: How bases and retrained models are trained.
        published: The paper's own rows: method; test, retain, forget accuracy and membership efficacy in per cent; seconds.
        retrained: How many retrained models to compare with.
    """

    name: str
    title: str
    forget: str
    model: str
    recipe: FitSettings
    published: tuple[tuple[str, str, str, str, str, str], ...]
    retrained: int = 3


MNIST = Case(
    "table1-mnist",
    "MNIST, forget 7: the paper's two-convolution network, three seeds",
    "7",
    "paper-cnn",
    FitSettings(epochs=10, learning_rate=2e-3, batch_size=128, schedule="one-cycle", precision="auto"),
    (
        ("paper: retrain", "89.04", "99.55", "0", "72.48", "53.7"),
        ("paper: LoRA+IHL", "89.24", "99.74", "0.02", "84.68", "11.25"),
    ),
)
CIFAR = Case(
    "table1-cifar10",
    "CIFAR-10, forget cat: the paper's ResNet-18, three seeds",
    "cat",
    "resnet18",
    FitSettings(
        epochs=5, learning_rate=0.05, batch_size=128, optimizer="sgd", weight_decay=5e-4, schedule="one-cycle",
        augmentation="flip-crop", precision="auto",
    ),
    (
        ("paper: baseline", "75.44", "91.92", "71.36", "60.6", "–"),
        ("paper: retrain", "72.0", "92.28", "0", "67.04", "155.55"),
        ("paper: gradient-ascent", "57.4", "68.8", "17.14", "54.3", "95"),
        ("paper: zeroing", "71.91", "92.65", "0.70", "62.74", "–"),
        ("paper: lora-finetune", "72.6", "93.85", "0", "60.6", "77"),
        ("paper: LoRA+IHL", "72.18", "92.66", "5.12", "66.36", "10.31"),
    ),
    retrained=2,
)  # fmt: skip


@dataclass(frozen=True)
class Clock:
    """Seconds of one forgetting: retraining, unlearning on a cold cache, and unlearning again."""

    retrain: float
    first: float
    later: float


def clock(base: Base, data: ImageData, case: Case, seed: int, retrain: float) -> Clock:
    """Time unlearning alone, once with nothing remembered and three times more; the median of those counts."""
    cold = Workbench(base, data)
    request = Request(target=Target(classes=(case.forget,)), intensity=INTENSITY, seed=seed)
    times = []
    for _ in range(4):
        times.append(cold.run(request).change.record.training.seconds)
    return Clock(retrain, times[0], sorted(times[1:])[1])


def run(case: Case, data: ImageData) -> None:
    """All seeds of one case, and its result file."""
    found: list[Comparison] = []
    clocks: list[Clock] = []
    for seed in SEEDS:
        base = trained(data, case.model, case.recipe, seed)
        say(f"{case.name}: base of seed {seed} took {base.record.seconds:.0f} s")
        found.append(
            compare(
                bench(base, data),
                Target(classes=(case.forget,)),
                seeds=(seed,),
                intensity=INTENSITY,
                retrained=case.retrained,
                settings=SETTINGS,
                stage=told_stage,
            )
        )
        seconds = [row.evaluation.value("seconds") or 0.0 for row in found[-1].rows if row.method == "retrained"]
        clocks.append(clock(base, data, case, seed, seconds[seed % len(seconds)]))
    write_result(case, data, found, clocks)


def write_result(case: Case, data: ImageData, found: list[Comparison], clocks: list[Clock]) -> None:
    """The table of one case, with the paper's rows below ours."""
    rows = [row for comparison in found for row in comparison.rows if row.method != "retrained"] + [
        row for row in found[0].rows if row.method == "retrained"
    ]
    order = ["base", "retrained", *sorted({row.method for row in rows} - {"base", "retrained"})]
    rows.sort(key=lambda row: order.index(row.method))
    table = [[name, *cells(rows, name), seconds(rows, name)] for name in order]
    for name, test, retain, forget, efficacy, took in case.published:
        table.append([name, test, retain, forget, "–", "–", efficacy, "–", "–", "–", took])
    first, later = (
        sum(c.retrain for c in clocks) / sum(c.first for c in clocks),
        sum(c.retrain for c in clocks) / sum(c.later for c in clocks),
    )
    floor = found[0].floor
    note = (
        f"Mean ± largest distance of a seed, accuracies in per cent. n: {counts(rows)}. Bases and requests have "
        f"{len(SEEDS)} seeds, retrained models {case.retrained}. Noise floor between retrained models: KL on the forget set "
        f"{floor['kl_to_retrained_forget'].most:.2f}, gap {percent(floor['gap_to_retrained'].most)} points. "
        f"LoRA+IHL against retraining: {later:.0f} times faster once activations are remembered, {first:.0f} times with none "
        "remembered (unlearning alone, in the same run). Rows of the paper: another machine, other splits."
    )
    headings = ["method", "test", "retain", "forget (train)", "forget (test)", "retain (test)", "MIA efficacy (paper)"]
    write(
        case.name, case.title, data, [*headings, "MIA AUC", "KL to retrained", "gap to retrained", "seconds"], table, note,
        seeds=list(SEEDS), recipe=case.recipe.model_dump(), clocks=[vars(c) for c in clocks],
        ratios={"first": first, "later": later}, splits=list(found[0].splits),
        summary={method: {k: s._asdict() for k, s in m.items()} for method, m in summarise(rows).items()},
        runs=[document(bench(trained(data, case.model, case.recipe, s), data), f, title=case.title)["rows"]
              for s, f in zip(SEEDS, found, strict=True)],
    )  # fmt: skip


def cells(rows: list[Row], name: str) -> list[str]:
    """Mean ± spread of each column for one method."""
    summary = summarise(rows)[name]
    return [_cell(summary.get(column), share="kl" not in column and "auc" not in column) for column in COLUMNS]


def _cell(summary: object, *, share: bool) -> str:
    if summary is None:
        return "–"
    mean, least, most, _ = summary  # type: ignore[misc]
    factor, digits = (100, 2) if share else (1, 3)
    return f"{factor * mean:.{digits}f} ± {factor * max(mean - least, most - mean):.{digits}f}"


def seconds(rows: list[Row], name: str) -> str:
    """Unlearning alone, without activations that had to be computed first."""
    values = [
        (row.evaluation.value("seconds") or 0.0) - (row.evaluation.value("prefix_seconds") or 0.0)
        for row in rows
        if row.method == name
    ]
    return "–" if name == "base" else f"{sum(values) / len(values):.2f}"


def counts(rows: list[Row]) -> str:
    """How many examples each accuracy was measured on."""
    names = ("forget_accuracy", "retain_accuracy", "forget_test_accuracy", "retain_test_accuracy")
    return ", ".join(f"{name.removesuffix('_accuracy').replace('_', ' ')} {rows[0].evaluation[name].n}" for name in names)


def main() -> None:
    """The half with MNIST."""
    run(MNIST, mnist())


def main_cifar10() -> None:
    """The half with CIFAR-10."""
    run(CIFAR, cifar10())
