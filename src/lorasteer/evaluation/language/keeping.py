"""Answers kept between calls under a key of everything they depend on, so that a number can be old but never stale.

The key holds the model's numbers and how its adapters are set, the digest its owner gives it (base, change and strength), the
questions with data and tokenizer, and the definition: the source of everything that scores and measures, the facts of all
metrics, and the versions of the libraries beneath.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from importlib.metadata import version
from pathlib import Path

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

import lorasteer.core
import lorasteer.tasks.language
from lorasteer.errors import WeightsError
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.asking import Sheet
from lorasteer.evaluation.language.metric import TEXT_METRICS
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.tensors import read_tensors, write_tensors

_TEXTS = "written"
MOST = 200  # sheets whose answers stay in memory


class Kept:
    """Answers of models to sheets: the latest in memory and, where a folder is given, all of them in files.

    Args:
        folder: Where files lie; None keeps answers in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._answers: dict[str, Answers] = {}

    def key_of(self, model: nn.Module, digest: str, *, sealed: bool = False) -> str:
        """Key of a model under the definition in force.

        Args:
            model: The model; its numbers and the setting of its adapters are read.
            digest: What its owner calls it.
            sealed: Whether that is made of digests of all its numbers; then they are not read again, which takes a second for
                each gigabyte.
        """
        adapters = [
            (name, repr(getattr(layer, "scaling", None)), repr(layer.active_adapters), layer.disable_adapters, layer.merged)
            for name, layer in model.named_modules()
            if isinstance(layer, BaseTunerLayer)
        ]
        where = sorted({parameter.device.type for parameter in model.parameters()})
        return _digest([definition(), "" if sealed else weights_digest(model), digest, adapters, where])

    def get(self, key: str, sheet: Sheet) -> Answers | None:
        """Answers of a model to a sheet, if they are kept; a damaged file counts as none.

        Args:
            key: Of the model, from `key_of`.
            sheet: The questions.
        """
        name = _digest([key, sheet.digest])
        if name not in self._answers and self._folder is not None and (path := self._folder / f"{name}.safetensors").is_file():
            try:
                self._answers[name] = _read(path, sheet)
            except WeightsError:
                return None
        return self._answers.get(name)

    def put(self, key: str, sheet: Sheet, answers: Answers) -> None:
        """Keep answers; those that are not finite are not kept in a file.

        Raises:
            StoreError: The folder cannot be written.
        """
        name = _digest([key, sheet.digest])
        self._answers = {**dict(list(self._answers.items())[1 - MOST :]), name: answers}
        if self._folder is not None and answers.finite:
            columns = {column: value for column in _COLUMNS if (value := getattr(answers, column)) is not None}
            texts = json.dumps(answers.written) if answers.written is not None else ""
            write_tensors(self._folder / f"{name}.safetensors", columns, metadata={_TEXTS: texts})


@cache
def definition() -> str:
    """Digest of what numbers mean: sources, facts of metrics, versions of libraries."""
    here = Path(__file__).parent
    folders = (here, *map(Path, (*lorasteer.core.__path__, *lorasteer.tasks.language.__path__)))
    sources = [_digest(path.read_text(encoding="utf-8")) for folder in folders for path in sorted(folder.rglob("*.py"))]
    facts = [(entry.name, sorted((name, _plain(value)) for name, value in entry.facts.items())) for entry in TEXT_METRICS]
    return _digest([sources, facts, [version(library) for library in ("torch", "transformers", "peft", "scipy")]])


_COLUMNS = tuple(item.name for item in fields(Answers) if item.name not in ("asked", _TEXTS))


def _read(path: Path, sheet: Sheet) -> Answers:
    columns, metadata = read_tensors(path)
    texts = metadata.get(_TEXTS, "")
    return Answers(asked=sheet.digest, **columns, written=tuple(json.loads(texts)) if texts else None)


def _plain(value: object) -> str:
    return repr(sorted(value)) if isinstance(value, Iterable) and not isinstance(value, str) else repr(value)


def _digest(whole: object) -> str:
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()
