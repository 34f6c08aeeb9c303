"""One steering round against the plain recipe: a PEFT model, a DataLoader, and a full forward pass at every step.

Both do the same work: LoRA of rank 8 on the head of the paper's ResNet-18, inverted hinge on all cats, KL anchor on 1,000
retained images, the same number of steps with batches of the same size, in one process, with the same threads, taking turns. The
plain recipe is what a script on PEFT and torch does today; its reference answers come from the disabled adapter. What it takes
follows the examples, what ours takes follows the steps, so the ratio depends on the batch size and is given for several.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import numpy as np
import peft
import torch
from torch.utils.data import DataLoader, Dataset

from benchmarks.common import cifar10, percent, say, trained, write
from benchmarks.table1 import CIFAR
from lorasteer import Base, Request, Round, Target, Workbench
from lorasteer.core.losses import inverted_hinge, kl_to_reference
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.vision.classifier import ImageInputs
from lorasteer.tasks.vision.data import Examples, ImageData

STEPS_EPOCHS = 5
RETAIN = 1000
BATCHES = (64, 512)  # forget examples per step, and as many retained ones beside them; 64 is the default
TURNS = 3
LATER = 5  # later rounds per turn
PAUSE = 1.0  # seconds before each measurement, for what the one before left running
SETTINGS = {"epochs": STEPS_EPOCHS, "retain": RETAIN, "stop_at": None, "learning_rate": 1e-3}


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Examples one by one, as a DataLoader wants them."""

    def __init__(self, inputs: ImageInputs, index: np.ndarray) -> None:
        self.pixels, self.labels = inputs.batch("train", index), inputs.labels("train", index)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        return self.pixels[place], int(self.labels[place])


def plain(base: Base, inputs: ImageInputs, forget: np.ndarray, retain: np.ndarray, batch: int) -> float:
    """Seconds of the plain recipe, from the wrapped model to the last step."""
    time.sleep(PAUSE)
    model = base.copy().requires_grad_(False)
    started = time.perf_counter()
    torch.manual_seed(0)
    config = peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.1, target_modules=list(classifier_head(model)))
    wrapped = peft.get_peft_model(model, config)
    wrapped.eval()
    optimizer = torch.optim.AdamW([p for p in wrapped.parameters() if p.requires_grad], 1e-3, weight_decay=0.0)
    forget_loader = DataLoader(Pictures(inputs, forget), batch, shuffle=True)
    retain_loader = DataLoader(Pictures(inputs, retain), batch, shuffle=True)
    for _ in range(STEPS_EPOCHS):
        kept = iter(retain_loader)
        for pixels, labels in forget_loader:
            held = next(kept, None)
            if held is None:
                kept = iter(retain_loader)
                held = next(kept)
            with torch.no_grad(), wrapped.disable_adapter():
                reference = logits_of(wrapped(held[0]))
            logits = logits_of(wrapped(torch.cat([pixels, held[0]])))
            loss = inverted_hinge(logits[: len(labels)], labels, margin=0.5).mean()
            loss = loss + 5 * kl_to_reference(logits[len(labels) :], reference).mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return time.perf_counter() - started


def ours(bench: Workbench, batch: int) -> Round:
    """The same on this workbench; the seconds that count are those of unlearning."""
    time.sleep(PAUSE)
    return bench.run(Request(target=Target(classes=("cat",)), intensity=0.5, settings={**SETTINGS, "batch_size": batch}))


def turn(base: Base, data: ImageData, batch: int, seed: int) -> dict[str, float]:
    """The plain recipe, a first round on a fresh workbench, and the median of later ones."""
    bench = Workbench(base, data)
    splits = bench.translate(Request(target=Target(classes=("cat",)))).splits
    retain = np.random.default_rng(seed).choice(splits.retain, RETAIN, replace=False)
    assert isinstance(bench.inputs, ImageInputs)
    slow = plain(base, bench.inputs, splits.forget, retain, batch)
    rounds = [ours(bench, batch) for _ in range(1 + LATER)]
    times = [done.change.record.training.seconds for done in rounds]
    found = {"batch": batch, "plain": slow, "first": times[0], "later": statistics.median(times[1:])}
    say(", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    now = rounds[-1].now
    return {
        **found,
        "forget_test": now.value("forget_test_accuracy") or 0.0,
        "retain_test": now.value("retain_test_accuracy") or 0.0,
    }


def subset(data: ImageData, count: int) -> ImageData:
    """The first examples of the training part only."""
    part = data.train
    kept = Examples(
        part.images[:count],
        part.labels[:count],
        part.ids[:count],
        {name: column[:count] for name, column in part.attributes.items()},
    )
    return replace(data, train=kept)


def round_on(base: Base, data: ImageData, target: Target, retain: int = RETAIN) -> tuple[float, float]:
    """First and later round on a fresh workbench: unlearning and the quick evaluation together, median of three later ones."""
    bench = Workbench(base, data)
    request = Request(target=target, intensity=0.5, aim="remove", settings={**SETTINGS, "retain": retain, "epochs": 2})
    times = []
    for _ in range(4):
        started = time.perf_counter()
        translation = bench.translate(request)
        bench.unlearn(translation)
        times.append(time.perf_counter() - started)
    return times[0], statistics.median(times[1:])


def ratios_of(turns: list[dict[str, float]]) -> dict[str, float]:
    """How many times faster than the plain recipe in the same turn; the median turn."""
    return {name: statistics.median(turn["plain"] / turn[name] for turn in turns) for name in ("first", "later")}


def rows_of(batch: int, turns: list[dict[str, float]], ratios: dict[str, float]) -> list[list[str]]:
    """Lines of the table for one batch size."""
    middle = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    after = f"{percent(middle['forget_test'])} / {percent(middle['retain_test'])}"
    return [
        [f"batches of {batch}: plain recipe", f"{middle['plain']:.1f}", "1", "–"],
        *([f"batches of {batch}: {name} round", f"{middle[name]:.3f}", f"{ratios[name]:.0f}", after] for name in ratios),
    ]


def main() -> None:
    """Take turns, then grow the forget set, then the training set."""
    data = cifar10()
    base = trained(data, CIFAR.model, CIFAR.recipe, 0)
    turns = [turn(base, data, batch, seed) for seed in range(TURNS) for batch in BATCHES]
    by_forget = {size: round_on(base, data, Target(random=size)) for size in (500, 1000, 2000, 5000)}
    by_train = {}
    for size in (10_000, 20_000, 50_000):
        part = subset(data, size)
        smaller = Base(base.record.model_copy(update={"data_digest": part.digest}), base.model)
        by_train[size] = round_on(smaller, part, Target(random=500))
    ratios = {batch: ratios_of([t for t in turns if t["batch"] == batch]) for batch in BATCHES}
    rows = [row for batch in BATCHES for row in rows_of(batch, [t for t in turns if t["batch"] == batch], ratios[batch])]
    for label, table in (("forget set of", by_forget), ("training set of", by_train)):
        for size, (first, later) in table.items():
            rows.append([f"{label} {size:,}: first / later round", f"{first:.2f} / {later:.3f}", "–", "–"])
    note = (
        f"Median of {TURNS} turns, {torch.get_num_threads()} threads; forget cat, ResNet-18, LoRA on the two-layer head, "
        f"{STEPS_EPOCHS} epochs; each batch holds as "
        f"many retained examples beside the forget ones ({BATCHES[0]} is the default). Growth: two epochs, a random forget set "
        "(500 while the training set grows)."
    )
    write(
        "speed", "A round against the plain recipe (CIFAR-10, forget cat, seconds of unlearning)", data,
        ["", "seconds", "times faster", "forget / retain test after it"], rows, note, turns=turns, seeds=[0],
        ratios={str(batch): found for batch, found in ratios.items()},
        by_forget={str(k): v for k, v in by_forget.items()}, by_train={str(k): v for k, v in by_train.items()},
    )  # fmt: skip
