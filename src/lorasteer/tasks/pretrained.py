"""What loading a model or tokenizer with `transformers` has in common: silence, one-line reasons, no pickles, no gaps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lorasteer.errors import WeightsError


def is_place(name: str) -> bool:
    """Whether a name is an existing folder, or looks like the id `owner/name`."""
    return Path(name).is_dir() or (name.count("/") == 1 and not name.startswith((".", "/", "~")))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the reports and bars of transformers off the terminal; what matters in them is raised as an error here."""
    from transformers.utils import logging as reports

    level, bars = reports.get_verbosity(), reports.is_progress_bar_enabled()
    reports.set_verbosity(logging.ERROR)
    reports.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        reports.set_verbosity(level)
        if bars:
            reports.enable_progress_bar()  # type: ignore[no-untyped-call]


def refuse_pickled_folder(folder: Path) -> None:
    """One line for a folder that holds only pickled weights; transformers would say that files are missing.

    Raises:
        WeightsError: It does.
    """
    pickles = sorted(folder.glob("pytorch_model*.bin")) if folder.is_dir() else []
    if pickles and not list(folder.glob("*.safetensors")):
        raise WeightsError(
            f"weights {str(pickles[0])!r} are a pickle, which can run any code when read; allowed is safetensors. "
            "If you trust them: safetensors.torch.save_file(torch.load(file, weights_only=True), 'model.safetensors')."
        )


def refuse_gaps(location: str, notes: dict[str, Any], new_head: bool = False) -> None:
    """Missing weights would be filled with random numbers, which transformers only logs; a base model must be whole.

    Args:
        location: Where the model is from.
        notes: What `from_pretrained` notes with `output_loading_info`.
        new_head: Whether an untrained classifier was asked for.

    Raises:
        WeightsError: Weights are missing.
    """
    missing = sorted(notes["missing_keys"])
    if missing and not new_head:
        raise WeightsError(
            f"model {location!r} lacks {len(missing)} of its weights, the first is {missing[0]!r}. "
            "Give a complete folder, or new_head=true if only the classifier is missing."
        )


def first_line(error: Exception) -> str:
    """The first line of an error's message, without its end."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".!")
