"""A method is one file plus one test: every built-in method has its own test file."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_every_method_has_a_test_file() -> None:
    from lorasteer.methods import METHODS

    built_in = [entry.name for entry in METHODS if entry.factory.__module__.startswith("lorasteer.")]
    missing = [name for name in built_in if not list(HERE.parent.glob(f"methods/**/test_{name.replace('-', '_')}.py"))]
    assert built_in
    assert missing == []
