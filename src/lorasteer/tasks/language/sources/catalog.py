"""The table of text sources; each file of this folder registers its own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from lorasteer.registry import Registry
from lorasteer.tasks.language.data import TextData


def _populate() -> None:
    import lorasteer.tasks.language.sources as folder

    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"{folder.__name__}.{module.name}")


def _never(path: Path) -> bool:
    return False


TEXT_SOURCES: Registry[Callable[..., TextData]] = Registry(
    "text source",
    allowed_facts={"recognises": _never, "needs_location": True},
    required_facts=("example", "reads"),
    populate=_populate,
)
"""Text sources by name. A factory takes `(location, *, options...)` and returns text data.

Facts:
    example: What to write for it, for help texts.
    reads: Which files it reads, in words.
    recognises: Whether an existing path, or the words of an id, are for this source; at most one source says yes.
    needs_location: Whether something follows its name; `facts` stands alone.
"""
