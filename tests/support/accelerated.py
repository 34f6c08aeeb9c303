"""A script for `accelerate launch`: trains the tiny adapter in however many processes there are; the first writes it down."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from lorasteer.methods import unlearn
from lorasteer.methods.gradients import rank, world
from lorasteer.tasks.tensors import write_tensors
from tests.support.tiny_text import tiny_material, tiny_plan


def main(path: Path) -> None:
    """Write the adapter's numbers, and how many processes trained it."""
    torch.set_num_threads(1)
    plan = tiny_plan("lora-ihl", epochs=2, rank=4, alpha=8.0, retain=16, batch_size=8, learning_rate=1e-4, seed=3)
    change = unlearn(tiny_material(), plan)
    if rank() == 0:
        write_tensors(path, change.tensors, metadata={"world": str(world())})  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
