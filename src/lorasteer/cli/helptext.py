"""From a command's docstring to its help: text is wrapped, examples are kept as they are written."""

from __future__ import annotations

import inspect
from collections.abc import Callable

KEEP = "\b\n"
"""Mark that Typer reads before a paragraph whose lines shall stay as they are."""


def help_of(command: Callable[..., object]) -> str:
    """Help of a command.

    Args:
        command: A function whose docstring may have a section `Example:`.
    """
    return (inspect.getdoc(command) or "").replace("Example:\n", f"Example:\n\n{KEEP}")
