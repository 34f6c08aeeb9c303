"""Any causal language model that `transformers` loads, from a folder or by id, with its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from lorasteer.errors import StoreError, WeightsError
from lorasteer.tasks.language.models.catalog import LANGUAGE_MODELS, Made
from lorasteer.tasks.pretrained import first_line, is_place, quiet, refuse_gaps, refuse_pickled_folder
from lorasteer.tasks.training import FitSettings

Kind = Literal["float32", "bfloat16", "float16"]
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt", "vocab.json")
RECIPE = FitSettings(epochs=5, batch_size=16, learning_rate=1e-4, schedule="one-cycle", clip_norm=1.0)


@LANGUAGE_MODELS.add("hub", params="whatever the folder holds", recognises=is_place, recipe=RECIPE)
def hub(texts: Sequence[str], *, location: str, dtype: Kind = "float32") -> Made:
    """Any AutoModelForCausalLM with its AutoTokenizer, from a folder or a hub id, weights as safetensors.

    Args:
        texts: Not used; the vocabulary is the tokenizer's.
        location: Folder or hub id.
        dtype: Numbers the weights are held in; bfloat16 halves the memory.
    """
    from transformers import AutoModelForCausalLM

    refuse_pickled_folder(Path(location))
    load: Any = AutoModelForCausalLM.from_pretrained
    try:
        with quiet():
            model, notes = load(location, use_safetensors=True, output_loading_info=True, dtype=getattr(torch, dtype))
    except Exception as error:  # transformers, safetensors and huggingface_hub share no base class
        raise WeightsError(
            f"language model {location!r} cannot be loaded: {first_line(error)}. Give a folder with config.json, "
            "model.safetensors and tokenizer.json, as save_pretrained writes it, or the id of a causal language model and a "
            "connection."
        ) from error
    refuse_gaps(location, notes)
    return Made(model, load_tokenizer(location))


def load_tokenizer(location: str | Path) -> Any:
    """The tokenizer of a folder or hub id.

    Raises:
        WeightsError: There is none that can be loaded.
    """
    from transformers import AutoTokenizer

    folder = Path(location)
    if folder.is_dir() and not any((folder / name).is_file() for name in TOKENIZER_FILES):
        # transformers would make an empty one, by the kind of the network
        raise WeightsError(f"{folder} holds no tokenizer. Put {TOKENIZER_FILES[0]} and tokenizer_config.json into it.")
    try:
        with quiet():
            return AutoTokenizer.from_pretrained(str(location))
    except Exception as error:  # as above
        raise WeightsError(
            f"the tokenizer of {str(location)!r} cannot be loaded: {first_line(error)}. Put tokenizer.json and "
            "tokenizer_config.json, as save_pretrained writes them, into that folder."
        ) from error


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write a tokenizer's files.

    Raises:
        StoreError: The folder cannot be written.
    """
    try:
        tokenizer.save_pretrained(folder)
    except OSError as error:
        raise StoreError(f"cannot write the tokenizer to {folder}: {error}. Free space or choose another folder.") from error
