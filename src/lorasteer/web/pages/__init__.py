"""The pages of the workbench: library, workbench, compare, export."""

from __future__ import annotations

import importlib
import pkgutil

from lorasteer.web.house import House


def register(house: House) -> None:
    """Register every page of this package: each module has a function `register(house)`.

    Args:
        house: What the pages show.
    """
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(found.name).register(house)
