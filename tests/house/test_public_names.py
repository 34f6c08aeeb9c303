"""Public names exist, are documented, and stand in the reference."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import lorasteer

ROOT = Path(__file__).resolve().parents[2]


def test_there_are_public_names() -> None:
    assert len(lorasteer.__all__) == len(set(lorasteer.__all__)) > 0


@pytest.mark.parametrize("name", sorted(getattr(lorasteer, "__all__", ())))
def test_public_name_is_importable_documented_and_listed(name: str) -> None:
    thing = getattr(lorasteer, name)
    assert name in dir(lorasteer)
    if name.startswith("__"):
        return
    if inspect.isclass(thing) or inspect.isroutine(thing):
        assert inspect.getdoc(thing), f"{name} has no docstring"
        assert f"{thing.__module__}.{thing.__qualname__}" in (ROOT / "docs/reference/api.md").read_text()


def test_an_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(lorasteer, "no_such_name")  # noqa: B009 - a plain access would not pass the type checker
