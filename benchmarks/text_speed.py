"""Steps of unlearning on text against the plain recipe: `Trainer`, PEFT, and losses on whole logits.

Both do the same work: LoRA of rank 16 on the same linear layers of the same Llama, inverted hinge on the answers to forget, KL
to the base on as many retained ones, the same sizes, lengths, learning rate, clipping and arithmetic, in one process, with the
same threads, taking turns. The plain recipe is what a script on transformers and PEFT does today: each group padded to its
longest, logits of the model, reference answers from the disabled adapter; nothing is logged or saved. That both find the same
loss on the same examples is checked. Peaks of memory are those of fresh processes. Speed does not depend on what the weights
hold, so the model is one that has learned nothing.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import peft
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainingArguments

from benchmarks.common import DATA, say, write
from benchmarks.memory import asked, extra
from lorasteer.core.losses import inverted_hinge, kl_to_reference
from lorasteer.core.tokens import per_example
from lorasteer.methods.adapter.lora_ihl import InvertedHinge, TextInvertedHingeSettings
from lorasteer.methods.learning import prepare
from lorasteer.methods.text_learner import wrapped_view
from lorasteer.methods.text_objective import StepLoss
from lorasteer.methods.text_pools import make_text_pools
from lorasteer.methods.text_procedure import autocast_type
from lorasteer.methods.text_source import Asker, Source
from lorasteer.methods.tokens import TokenObjective
from lorasteer.records import Request, Target
from lorasteer.session.text_bench import TextBench
from lorasteer.tasks.base import Base
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.inputs import IGNORED
from lorasteer.tasks.language.model import train_language_model
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.language.sources import load_text
from lorasteer.tasks.training import FitSettings

SPLIT, BATCH, RETAIN, EPOCHS, TURNS = "forget05", 20, 1000, 10, 3  # 200 examples to forget: ten steps an epoch, all of one size
RANK, ALPHA, RATE, MARGIN, ANCHOR = 16, 32, 1e-3, 0.5, 5.0
PARTS = {"all": "all blocks", "top": "top half of the blocks"}
WORDS = {"plain": "Trainer, PEFT, whole logits", "first": "first round", "later": "later round"}
Row = tuple[Tensor, Tensor]
"""Ids and labels of one example."""


@dataclass(frozen=True)
class Setup:
    """What both train on.

    Args:
        base: The model.
        data: TOFU.
        epochs: Passes over the forget set.
        where: What is to be forgotten.
        batch: Examples to forget in a step, and retained ones beside them.
        retain: Retained examples in all.
    """

    base: Base
    data: TextData
    epochs: int = EPOCHS
    where: str = f"{SPLIT} == yes"
    batch: int = BATCH
    retain: int = RETAIN

    @classmethod
    def make(cls, epochs: int) -> Setup:
        """TOFU, and a Llama of the usual size and vocabulary whose weights are as they were drawn."""
        data = load_text(f"tofu:{DATA / 'tofu'}")
        return cls(train_language_model(data, FitSettings(epochs=0, precision="fp32"), model="llama-5m"), data, epochs)

    def layers(self, part: str) -> tuple[str, ...]:
        """Linear layers of all blocks, or of the top half."""
        network = Network.of(self.base.model)
        names, half = network.linear_layers(), len(network.blocks) // 2
        return names if part == "all" else tuple(name for name in names if network.depth([name]) >= half)

    def bench(self) -> TextBench:
        """A bench that remembers nothing yet; its examples are encoded."""
        bench = TextBench(self.base, self.data)
        bench.inputs.tokens("train", np.arange(1))
        return bench

    def request(self, part: str) -> Request:
        """Forget the split's authors; nothing ends it early."""
        settings: dict[str, Any] = {
            "epochs": self.epochs, "batch_size": self.batch, "retain": self.retain, "rank": RANK, "alpha": ALPHA,
            "learning_rate": RATE, "margin": MARGIN, "anchor_weight": ANCHOR,
            "layers": self.layers(part), "stop_at": None, "forget_probability": None,
        }  # fmt: skip
        return Request(target=Target(where=self.where), method="lora-ihl", intensity=0.5, settings=settings)


class Pairs(Dataset[dict[str, Row]]):
    """Each example to forget beside a retained one drawn anew, as unlearning code on `Trainer` has it."""

    def __init__(self, forget: Sequence[Row], keep: Sequence[Row]) -> None:
        self.forget, self.keep = forget, keep

    def __len__(self) -> int:
        return len(self.forget)

    def __getitem__(self, place: int) -> dict[str, Row]:
        return {"forget": self.forget[place], "keep": self.keep[int(torch.randint(len(self.keep), ()))]}


def padded(rows: Sequence[Row]) -> dict[str, Tensor]:
    """A batch padded to its longest."""
    ids = pad_sequence([ids for ids, _ in rows], batch_first=True)
    mask = pad_sequence([torch.ones_like(ids) for ids, _ in rows], batch_first=True)
    labels = pad_sequence([labels for _, labels in rows], batch_first=True, padding_value=IGNORED)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def collated(pairs: Sequence[dict[str, Row]]) -> dict[str, dict[str, Tensor]]:
    """Both groups, each padded to its own longest."""
    return {name: padded([pair[name] for pair in pairs]) for name in ("forget", "keep")}


class PlainTrainer(Trainer):
    """`Trainer` with the inverted hinge on forget examples and KL to the model without its adapter on the others."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Tensor | int | None = None
    ) -> Any:
        """Loss of one batch."""
        with torch.no_grad(), model.disable_adapter():
            reference = answers(model, inputs["keep"])[0]
        loss = plain_loss(model, inputs, reference)
        return (loss, None) if return_outputs else loss


def plain_loss(model: Any, inputs: Mapping[str, Mapping[str, Tensor]], reference: Tensor) -> Tensor:
    """Mean over forget answers of the hinge, and over retained ones of the divergence."""
    logits, labels, row = answers(model, inputs["forget"])
    hinge = mean(inverted_hinge(logits, labels, margin=MARGIN), row)
    logits, _, row = answers(model, inputs["keep"])
    return hinge + ANCHOR * mean(kl_to_reference(logits, reference), row)


def answers(model: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [n, vocabulary] where answer tokens are predicted, the tokens, and which example each belongs to."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).logits
    labels = batch["labels"][:, 1:]
    wanted = labels != IGNORED
    return logits[:, :-1][wanted], labels[wanted], wanted.nonzero()[:, 0]


def mean(values: Tensor, row: Tensor) -> Tensor:
    """Mean over examples of each one's mean over its tokens."""
    total, count = per_example(values, row, int(row.max()) + 1)
    return (total / count).mean()


def wrapped(setup: Setup, part: str) -> Any:
    """The base with PEFT's adapter."""
    model = setup.base.copy().requires_grad_(False)
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=list(setup.layers(part)))
    return peft.get_peft_model(model, config)


def trainer(setup: Setup, part: str, folder: str) -> PlainTrainer:
    """The plain recipe, ready to run."""
    bench = setup.bench()
    translation = bench.translate(setup.request(part))
    forget, retain = (rows_of(bench, index) for index in (translation.splits.forget, translation.splits.retain[: setup.retain]))
    arguments = TrainingArguments(
        folder, num_train_epochs=setup.epochs, per_device_train_batch_size=setup.batch, learning_rate=RATE, max_grad_norm=1.0,
        lr_scheduler_type="constant", use_cpu=not torch.cuda.is_available(), report_to="none", logging_strategy="no",
        save_strategy="no", disable_tqdm=True, remove_unused_columns=False, dataloader_pin_memory=False,
    )  # fmt: skip
    made = PlainTrainer(wrapped(setup, part), arguments, data_collator=collated, train_dataset=Pairs(forget, retain))
    made.remove_callback(PrinterCallback)
    return made


def rows_of(bench: TextBench, index: Any) -> list[Row]:
    """Examples one by one, encoded."""
    tokens = bench.inputs.tokens("train", index)
    return [(tokens.ids[row, :length], tokens.labels[row, :length]) for row, length in enumerate(tokens.lengths.tolist())]


def timed(work: Callable[[], int]) -> dict[str, float]:
    """Wall and CPU seconds for each of the steps that the work counts."""
    cpu, wall = time.process_time(), time.perf_counter()
    steps = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return {"wall": (time.perf_counter() - wall) / steps, "cpu": (time.process_time() - cpu) / steps, "steps": steps}


def plain(setup: Setup, part: str) -> Callable[[], int]:
    """Everything but the training is done beforehand."""
    folder = tempfile.TemporaryDirectory()
    made = trainer(setup, part, folder.name)

    def work() -> int:
        with folder:
            return int(made.train().global_step)

    return work


def ours(setup: Setup, part: str, bench: TextBench) -> Callable[[], int]:
    """A round's unlearning, from the base to the finished change; what is not remembered yet is computed in it."""
    translation = bench.translate(setup.request(part))
    return lambda: bench.unlearn(translation).record.training.steps


def turn(setup: Setup, part: str) -> dict[str, Any]:
    """The plain recipe, a first round on a fresh bench, and one behind it."""
    bench = setup.bench()
    found: dict[str, Any] = {"part": part, "plain": timed(plain(setup, part))}
    found |= {name: timed(ours(setup, part, bench)) for name in ("first", "later")}
    say(f"{PARTS[part]}: " + ", ".join(f"{name} {found[name]['wall']:.3f} s a step" for name in WORDS))
    return found


def memory(part: str, way: str, epochs: int) -> dict[str, float]:
    """Megabytes that a training takes beyond model and data, in this process."""
    setup = Setup.make(epochs)
    if way == "plain":
        return {"megabytes": extra(plain(setup, part))}
    bench = setup.bench()
    if way == "later":
        ours(setup, part, bench)()
    return {"megabytes": extra(ours(setup, part, bench))}


def check(setup: Setup, part: str, *, within: float = 1e-4) -> None:
    """Both losses on the same examples and the same adapter, which adds something; a difference stops the benchmark.

    Args:
        setup: What both train on.
        part: Which layers learn.
        within: Share of the loss that it may differ by.

    Raises:
        AssertionError: They differ.
    """
    bench = setup.bench()
    translation = bench.translate(setup.request(part))
    material, plan = bench.material(translation.splits), translation.plan
    settings = TextInvertedHingeSettings(**setup.request(part).settings)
    layers, step = setup.layers(part), next(make_text_pools(material, plan, settings).epoch(torch.Generator().manual_seed(0)))
    model = wrapped_view(material, plan, settings, layers)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.02)
    forget, keep = (rows_of(bench, sample.index) for sample in (step.forget, step.keep[0]))
    pairs = collated([{"forget": one, "keep": other} for one, other in zip(forget, keep, strict=True)])
    device = Network.of(model).device
    inputs = {name: {key: tensor.to(device) for key, tensor in group.items()} for name, group in pairs.items()}
    with torch.no_grad():
        with model.disable_adapter():
            reference = answers(model, inputs["keep"])[0]
        theirs = plain_loss(model, inputs, reference).item()
        source = Source(material, material.before(layers))
        objective = TokenObjective(InvertedHinge(settings).token_loss)
        prepare(model, dropout=0.0, seed=0)
        asker = Asker(Network.of(model), source.depth, low=autocast_type(material, settings))
        own = StepLoss(asker, source, objective, settings, ())
        mine = own(step).item()
    say(f"{PARTS[part]}: the same step costs {mine:.6f} here and {theirs:.6f} there")
    if abs(mine - theirs) > within * abs(theirs):
        raise AssertionError(f"losses of the same step differ: {mine} and {theirs}")


def rows_for(part: str, turns: Sequence[Mapping[str, Any]], peaks: Mapping[str, float]) -> list[list[str]]:
    """Lines of the table for one choice of layers."""
    rows = []
    for way, words in WORDS.items():
        wall, cpu = (statistics.median(one[way][clock] for one in turns) for clock in ("wall", "cpu"))
        ratios = [statistics.median(one["plain"][clock] / one[way][clock] for one in turns) for clock in ("wall", "cpu")]
        faster = "1" if way == "plain" else f"{ratios[0]:.2f} ({ratios[1]:.2f})"
        rows.append([f"{PARTS[part]}: {words}", f"{wall:.3f}", f"{cpu:.3f}", faster, f"{peaks[way]:.0f}"])
    return rows


def main(turns: int = TURNS, epochs: int = EPOCHS) -> None:
    """Check, take turns, then measure memory."""
    setup = Setup.make(epochs)
    for part in PARTS:
        check(setup, part)
    timed_turns = [turn(setup, part) for _ in range(turns) for part in PARTS]
    peaks = {part: {way: asked("benchmarks.text_speed", part, way, 1)["megabytes"] for way in WORDS} for part in PARTS}
    rows = [row for part in PARTS for row in rows_for(part, [t for t in timed_turns if t["part"] == part], peaks[part])]
    note = (
        f"Median of {turns} turns, {torch.get_num_threads()} threads, float32. Llama of 5.2 M numbers with random weights: speed "
        f"does not depend on what they hold. TOFU {SPLIT}, {epochs} epochs; a step takes {BATCH} examples to forget and {BATCH} "
        f"of {RETAIN:,} retained. LoRA of rank {RANK} on all linear layers of the blocks named; nothing ends it early. Ours: "
        "whole rounds; a first one computes the states and reference answers that a later one remembers. The plain recipe: "
        "training only. In brackets the ratio of CPU seconds. Memory: rise of the peak in a fresh process, one epoch."
    )
    columns = ["", "seconds a step", "CPU seconds a step", "times faster", "extra memory, MB"]
    write(
        "text-speed", "A step of unlearning on text against Trainer with PEFT (lora-ihl, KL anchor)", setup.data, columns, rows,
        note, turns=timed_turns, peaks=peaks, seeds=[0],
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(memory(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
