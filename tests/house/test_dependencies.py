"""What the package imports is what pyproject.toml declares, no less."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def imported(folder: Path) -> set[str]:
    """Top-level packages imported anywhere below a folder, at module level or inside a function."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"lorasteer"}


def declared(*groups: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for group in groups for text in group}


def test_every_import_is_declared() -> None:
    allowed = declared(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    owners = packages_distributions()
    undeclared = {
        name for name in imported(ROOT / "src") if not allowed & {canonicalize_name(owner) for owner in owners.get(name, [name])}
    }
    assert undeclared == set()


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {Requirement(line).name: Requirement(line).specifier for line in lines if not line.startswith("#")}
    for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]:
        wanted = Requirement(text)
        exact = pinned[canonicalize_name(wanted.name)]
        (pin,) = exact
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version), f"{text} does not allow the pinned {pin.version}"
        assert "+" not in pin.version, f"{wanted.name} is pinned to a build of one machine"
