"""The table of data sources; each file of this folder registers its own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from lorasteer.registry import Registry
from lorasteer.tasks.vision.data import ImageData


def _populate() -> None:
    import lorasteer.tasks.vision.sources as folder

    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"{folder.__name__}.{module.name}")


def _never(path: Path) -> bool:
    return False


SOURCES: Registry[Callable[..., ImageData]] = Registry(
    "data source",
    allowed_facts={"recognises": _never, "needs_location": True},
    required_facts=("example", "reads"),
    populate=_populate,
)
"""Data sources by name. A factory takes `(location, *, options...)` and returns image data.

Facts:
    example: What to write for it, for help texts.
    reads: Which files it reads, in words.
    recognises: Whether an existing path, or the words of an id, are for this source; at most one source says yes.
    needs_location: Whether something follows its name; `digits` stands alone.
"""
