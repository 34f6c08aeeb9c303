"""A script for `accelerate launch`: trains something tiny in however many processes there are; the first writes it down."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from lorasteer.methods import unlearn
from lorasteer.tasks.gradients import rank, world
from lorasteer.tasks.language.model import train_language_model
from lorasteer.tasks.language.sources import load_text
from lorasteer.tasks.tensors import Tensors, write_tensors
from lorasteer.tasks.training import FitSettings
from tests.support.tiny_text import tiny_material, tiny_plan


def adapter() -> Tensors:
    """An adapter of the tiny model."""
    plan = tiny_plan("lora-ihl", epochs=2, rank=4, alpha=8.0, retain=16, batch_size=8, learning_rate=1e-4, seed=3)
    return dict(unlearn(tiny_material(), plan).tensors)  # type: ignore[attr-defined]


def base() -> Tensors:
    """A model trained from nothing; its batches, of seven, do not part evenly."""
    settings = FitSettings(epochs=1, batch_size=7, optimizer="sgd", learning_rate=0.01, clip_norm=1.0, precision="fp32")
    return dict(train_language_model(load_text("facts?people=6"), settings, model="llama-tiny").model.state_dict())


def main(path: Path, what: str) -> None:
    """Write the numbers, and how many processes trained them."""
    torch.set_num_threads(1)
    made = {"adapter": adapter, "base": base}[what]()
    if rank() == 0:
        write_tensors(path, made, metadata={"world": str(world())})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
