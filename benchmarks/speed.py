"""One steering round against the plain recipe: a PEFT model, a DataLoader, and a full forward pass at every step.

Both do the same work: LoRA of rank 8 on the head of the paper's ResNet-18, inverted hinge on all cats, KL anchor on 1,000
retained images, the same number of steps with batches of the same size, in one process, with the same threads, taking turns. The
plain recipe is what a script on PEFT and torch does today; its reference answers come from the disabled adapter.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import numpy as np
import peft
import torch
from torch.utils.data import DataLoader, Dataset

from benchmarks.common import cifar10, say, trained, write
from benchmarks.table1 import CIFAR
from lorasteer import Base, Request, Target, Workbench
from lorasteer.core.losses import inverted_hinge, kl_to_reference
from lorasteer.tasks.modules import classifier_head
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.vision.classifier import ImageInputs
from lorasteer.tasks.vision.data import Examples, ImageData

STEPS_EPOCHS = 5
RETAIN = 1000
BATCH = 64
TURNS = 3
SETTINGS = {"epochs": STEPS_EPOCHS, "retain": RETAIN, "batch_size": BATCH, "stop_at": None, "learning_rate": 1e-3}


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Examples one by one, as a DataLoader wants them."""

    def __init__(self, inputs: ImageInputs, index: np.ndarray) -> None:
        self.pixels, self.labels = inputs.batch("train", index), inputs.labels("train", index)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        return self.pixels[place], int(self.labels[place])


def plain(base: Base, inputs: ImageInputs, forget: np.ndarray, retain: np.ndarray) -> float:
    """Seconds of the plain recipe, from the wrapped model to the last step."""
    model = base.copy().requires_grad_(False)
    started = time.perf_counter()
    torch.manual_seed(0)
    config = peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.1, target_modules=list(classifier_head(model)))
    wrapped = peft.get_peft_model(model, config)
    wrapped.eval()
    optimizer = torch.optim.AdamW([p for p in wrapped.parameters() if p.requires_grad], 1e-3, weight_decay=0.0)
    forget_loader = DataLoader(Pictures(inputs, forget), BATCH, shuffle=True)
    retain_loader = DataLoader(Pictures(inputs, retain), BATCH, shuffle=True)
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


def ours(bench: Workbench) -> float:
    """Seconds of unlearning on this workbench."""
    request = Request(target=Target(classes=("cat",)), intensity=0.5, settings=dict(SETTINGS))
    return bench.run(request).change.record.training.seconds


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


def main() -> None:
    """Take turns, then grow the forget set, then the training set."""
    data = cifar10()
    base = trained(data, CIFAR.model, CIFAR.recipe, 0)
    turns = []
    for turn in range(TURNS):
        bench = Workbench(base, data)
        translation = bench.translate(Request(target=Target(classes=("cat",)), settings=dict(SETTINGS)))
        splits, inputs = translation.splits, bench.inputs
        retain = np.random.default_rng(turn).choice(splits.retain, RETAIN, replace=False)
        assert isinstance(inputs, ImageInputs)
        slow = plain(base, inputs, splits.forget, retain)
        first, later = ours(bench), statistics.median(ours(bench) for _ in range(3))
        turns.append({"plain": slow, "first": first, "later": later})
        say(f"turn {turn}: plain {slow:.1f} s, first {first:.2f} s, later {later:.3f} s")
    ratios = {name: statistics.median(turn["plain"] / turn[name] for turn in turns) for name in ("first", "later")}
    by_forget = {size: round_on(base, data, Target(random=size)) for size in (500, 1000, 2000, 5000)}
    by_train = {}
    for size in (10_000, 20_000, 50_000):
        part = subset(data, size)
        smaller = Base(base.record.model_copy(update={"data_digest": part.digest}), base.model)
        by_train[size] = round_on(smaller, part, Target(random=500))
    rows = [["plain recipe", f"{statistics.median(t['plain'] for t in turns):.1f}", "1"]]
    for name in ("first", "later"):
        middle = statistics.median(t[name] for t in turns)
        rows.append([f"{name} round", f"{middle:.3f}", f"{ratios[name]:.0f}"])
    for label, table in (("forget set of", by_forget), ("training set of", by_train)):
        for size, (first, later) in table.items():
            rows.append([f"{label} {size:,}: first / later round", f"{first:.2f} / {later:.3f}", "–"])
    note = (
        f"Median of {TURNS} turns; forget cat, ResNet-18, LoRA on the two-layer head, {STEPS_EPOCHS} epochs, batches {BATCH} + "
        f"{BATCH}. Growth: two epochs, a random forget set (500 while the training set grows)."
    )
    write(
        "speed", "A round against the plain recipe (CIFAR-10, forget cat, seconds of unlearning)", data,
        ["", "seconds", "times faster"], rows, note, turns=turns, ratios=ratios, seeds=[0],
        by_forget={str(k): v for k, v in by_forget.items()}, by_train={str(k): v for k, v in by_train.items()},
    )  # fmt: skip
