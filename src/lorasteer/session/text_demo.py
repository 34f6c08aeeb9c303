"""The demonstration on text: a tiny language model forgets one person in three ways, beside models never told of that person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lorasteer.errors import RequestError, choices
from lorasteer.evaluation import Spread
from lorasteer.export import adapter_difference, export_adapter, write_report
from lorasteer.records import Evaluation, Request, Snapshot, Target
from lorasteer.session.comparison import Stage, unwatched
from lorasteer.session.keeping import snapshot
from lorasteer.session.round import Round
from lorasteer.session.text_bench import TextBench
from lorasteer.session.workbench import retrain_seeds
from lorasteer.steer.translate import Translation
from lorasteer.store import write_run
from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.language.data import TextData
from lorasteer.tasks.language.model import load_language_base, train_language_model
from lorasteer.tasks.language.models import text_recipe_for
from lorasteer.tasks.language.sources import load_text

DATA = "facts?people=20"
MODEL = "llama-tiny"
INTENSITY = 0.75
LABELS = {"lora-ga": "LoRA+GA", "npo": "NPO", "lora-ihl": "LoRA+IHL"}
"""Methods in the order of the table, and what the table calls them."""
KEPT = "lora-ihl"
COLUMNS = (
    "forget_probability", "forget_test_probability", "extraction_strength", "forget_rouge", "truth_ratio_probability",
    "retain_probability", "retain_test_probability", "retain_rouge", "seconds",
)  # fmt: skip
"""What the table shows."""


@dataclass(frozen=True)
class Written:
    """What models write to one question about the person.

    Args:
        question: The question.
        right: The answer that was taught.
        base: What the base writes.
        now: What the model writes after unlearning by the method that is kept.
        retrained: What a model writes that was never told.
    """

    question: str
    right: str
    base: str
    now: str
    retrained: str


@dataclass(frozen=True)
class TextDemo:
    """What the demonstration made.

    Args:
        person: Who is forgotten.
        evaluations: Rows of its table: baseline, retrained models, methods.
        floor: Spread between the retrained models.
        written: Answers before and after, one for each fact.
        kept: Record of the round that is kept.
        folder: Where everything lies: `base`, `run` and `adapter`.
        difference: Largest difference of a logit between stock PEFT with the exported adapter and the model measured here.
    """

    person: str
    evaluations: tuple[Evaluation, ...]
    floor: dict[str, Spread]
    written: tuple[Written, ...]
    kept: Snapshot
    folder: Path
    difference: float


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch take one thread meanwhile.

    Models as small as the demonstration's gain nothing from a second one, and where a core is busy the two wait for each other.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def text_demo(folder: Path, *, forget: str | None = None, seed: int = 0, stage: Stage = unwatched) -> TextDemo:
    """Train, forget, compare, write, export.

    Args:
        folder: Where to write; a base and retrained models that lie there are used again.
        forget: The person; the first one when left out.
        seed: Seed of base and requests.
        stage: Told of each piece of work.

    Raises:
        RequestError: There is no such person.
        StoreError: The folder cannot be written.
    """
    data = load_text(DATA)
    person = _person(data, forget)
    bench = TextBench(_base(data, folder / "base", seed, stage), data, folder / "cache", suite="full")
    target = Target(where=f"person == {person!r}")
    requests = {name: Request(target=target, intensity=INTENSITY, method=name, seed=seed) for name in LABELS}
    splits = bench.translate(requests[KEPT]).splits
    retrained = []
    for number in retrain_seeds(seed, 2):
        with stage(f"retrained model, seed {number}") as observers:
            retrained.append(bench.retrain(splits, seed=number, observers=observers))
    rounds = {name: _round(bench, request, retrained, stage) for name, request in requests.items()}
    evaluations = (*rounds[KEPT].evaluations[:-1], *(rounds[name].now for name in LABELS))
    written = _written(bench, rounds[KEPT].translation, rounds[KEPT], retrained)
    kept, difference = _take_away(bench, rounds[KEPT], folder)
    return TextDemo(person, tuple(map(_labelled, evaluations)), rounds[KEPT].floor, written, kept, folder, difference)


def _person(data: TextData, forget: str | None) -> str:
    people = list(dict.fromkeys(data.train.attributes["person"].tolist()))
    if forget is not None and forget not in people:
        raise RequestError(f"unknown person {forget!r}. {choices(forget, people)}")
    return str(forget or people[0])


def _base(data: TextData, place: Path, seed: int, stage: Stage) -> Base:
    if (place / "base.json").is_file():
        return load_language_base(place)
    checkpoint = place / "checkpoint.safetensors"
    with stage("base model") as observers:
        base = train_language_model(
            data, text_recipe_for(MODEL), model=MODEL, seed=seed, observers=observers, checkpoint=checkpoint
        )  # fmt: skip
    save_base(base, place)
    checkpoint.unlink(missing_ok=True)
    return base


def _round(bench: TextBench, request: Request, retrained: list[Base], stage: Stage) -> Round:
    with stage(LABELS[request.method]) as observers:
        return bench.run(request, retrained=retrained, observers=observers)


def _labelled(evaluation: Evaluation) -> Evaluation:
    label = {"base": "baseline", **LABELS}.get(evaluation.subject, evaluation.subject)
    return evaluation.model_copy(update={"subject": label})


def _written(bench: TextBench, translation: Translation, done: Round, retrained: list[Base]) -> tuple[Written, ...]:
    """Answers of base, changed and retrained model to the questions of the forget set."""
    facts = bench.data.train.taken(translation.splits.forget)
    before, never = (outputs.forget.written or () for outputs in bench.known(translation, retrained)[:2])
    now = done.outputs.forget.written or ()
    return tuple(Written(*texts) for texts in zip(facts.prompts, facts.answers, before, now, never, strict=True))


def _take_away(bench: TextBench, done: Round, folder: Path) -> tuple[Snapshot, float]:
    """Keep the round, export its adapter, and load that with stock PEFT."""
    kept = snapshot(bench, done, folder / "base")
    write_run(kept, done.change, folder / "run")
    export_adapter(done.change, folder / "adapter")
    write_report(kept, folder / "adapter")
    tokens = bench.inputs.tokens("train", np.arange(min(32, len(bench.data.train))))
    return kept, adapter_difference(done.change, bench.base, folder / "adapter", tokens.ids)
