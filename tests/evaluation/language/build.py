"""Answers with chosen probabilities, and questionnaires for the small models, from which numbers can be worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lorasteer.evaluation.language import Answers, Questionnaire, TextOutputs, prepare
from lorasteer.tasks.language.inputs import TextInputs
from lorasteer.tasks.language.model import text_inputs_for
from lorasteer.tasks.splits import Holdout, Splits
from tests.tasks.language import build


def answers(
    *tokens: Sequence[float], right: Sequence[Sequence[bool]] | None = None, paraphrase: Sequence[float | None] = (),
    wrong: Sequence[Sequence[float]] = (), rouge: Sequence[float] | None = None, **more: Any,
) -> Answers:  # fmt: skip
    """Answers whose tokens have the given probabilities; candidates have theirs as a whole."""
    rows = len(tokens)
    others = [*paraphrase, *[None] * (rows - len(paraphrase))]
    candidates = [*wrong, *[()] * (rows - len(wrong))]
    flat = logs([p for row in tokens for p in row])
    most = [[p > 0.5 for p in row] for row in tokens] if right is None else right
    facts: dict[str, Any] = {
        "asked": "sheet", "lengths": whole([len(row) for row in tokens]), "log_prob": flat, "mean": torch.zeros_like(flat),
        "std": torch.ones_like(flat), "right": torch.tensor([ok for row in most for ok in row], dtype=torch.bool),
        "compressed": whole([10] * rows), "paraphrased": torch.tensor([p is not None for p in others], dtype=torch.bool),
        "paraphrase": logs([p for p in others if p is not None]), "counts": whole([len(row) for row in candidates]),
        "wrong": logs([p for row in candidates for p in row]),
        "rouge": None if rouge is None else torch.tensor(rouge, dtype=torch.float64),
    }  # fmt: skip
    return Answers(**{**facts, **more})


def logs(probabilities: Sequence[float]) -> Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log()


def whole(numbers: Sequence[int]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.int64)


NOTHING = answers()


def outputs(subject: str = "lora-ihl", **parts: Any) -> TextOutputs:
    """Outputs with the given parts; the others are empty."""
    empty = dict.fromkeys(("forget", "retain", "forget_test", "retain_test", "validation"), NOTHING)
    return TextOutputs(**{"subject": subject, "model": "m", "splits": "s", **empty, **parts})


def inputs(family: str = "llama") -> TextInputs:
    return text_inputs_for(build.base(family), build.data())


def splits() -> Splits:
    """Ten training examples to forget, four held out, the others kept; the first six test examples meet the target."""
    train, test = len(build.data().train), len(build.data().test)
    held = np.arange(train - 4, train)
    return Splits(
        np.arange(10), np.arange(10, train - 4), np.arange(6), np.arange(6, test), Holdout("train", held), build.data().digest
    )


def questionnaire(suite: str = "quick", family: str = "llama") -> Questionnaire:
    return prepare(inputs(family), splits(), suite)
