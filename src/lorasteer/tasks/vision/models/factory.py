"""Any network written in Python, named by where its factory lies."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable

from torch import nn

from lorasteer.errors import PlanError
from lorasteer.tasks.vision.models.catalog import MODELS, Shape

_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def _is_dotted(name: str) -> bool:
    return bool(_DOTTED.fullmatch(name))


@MODELS.add("factory", params="whatever the factory makes", recognises=_is_dotted)
def factory(classes: int, shape: Shape, *, location: str, options: dict[str, object] | None = None) -> nn.Module:
    """Any torch.nn.Module from Python, named `package.module:callable`; the callable gets (classes, shape, **options)."""
    if not _is_dotted(location):
        raise PlanError(f"{location!r} does not name a factory; allowed is 'package.module:callable'. Correct the name.")
    make = _find(location)
    _check_call(location, make, classes, shape, options or {})
    model = make(classes, shape, **(options or {}))
    if not isinstance(model, nn.Module):
        raise PlanError(f"factory {location!r} returned {type(model).__name__}, allowed is a torch.nn.Module. Return the module.")
    return model


def _check_call(location: str, make: Callable[..., object], classes: int, shape: Shape, options: dict[str, object]) -> None:
    """Refuse arguments the callable does not take; errors inside it are its author's and keep their traceback."""
    try:
        inspect.signature(make).bind(classes, shape, **options)
    except TypeError as error:
        raise PlanError(
            f"factory {location!r} cannot be called with (classes, shape{''.join(f', {name}=' for name in options)}): {error}. "
            "Correct its parameters or the options."
        ) from error


def _find(location: str) -> Callable[..., object]:
    module_name, _, path = location.partition(":")
    try:
        found: object = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise PlanError(
            f"factory {location!r} cannot be imported: {error}. Install its package, or put its folder on PYTHONPATH."
        ) from error
    if not callable(found):
        raise PlanError(f"factory {location!r} is {type(found).__name__}, allowed is a function or class. Name the callable.")
    return found
