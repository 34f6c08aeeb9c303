"""The command line in a process of its own, forked from one that has loaded everything, so that it can be killed often."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import peft
import torch

from lorasteer.cli import app
from lorasteer.methods import METHODS
from lorasteer.session import script
from lorasteer.tasks.vision.sources import load_data

LOADED = (peft, script, METHODS.names(), load_data("digits"))
"""What a command would load by and by."""
torch.set_num_threads(1)


def command(words: list[str], out: str, home: str) -> None:
    """Run `lorasteer` with these words; what it prints on stdout goes into a file, line by line."""
    os.environ["LORASTEER_HOME"] = home
    with Path(out).open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
    app(words)
