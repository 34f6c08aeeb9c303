"""The table behind methods, metrics, models and sources: names, facts, and plug-ins that may be broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from lorasteer import registry as registry_module
from lorasteer.errors import PlanError
from lorasteer.registry import Registry
from tests.support.errors import refuses


def shapes() -> Registry[Callable[[], int]]:
    table: Registry[Callable[[], int]] = Registry(
        "shape", required_facts=("corners",), allowed_facts={"colours": frozenset({"grey"}), "round": False}
    )

    @table.add("square", corners=4)
    def square() -> int:
        """Four equal sides.

        More words that are no summary.
        """
        return 4

    @table.add("disc", corners=0, round=True, colours={"red", "grey"}, summary="No side at all.")
    def disc() -> int:
        return 0

    return table


def test_an_entry_holds_factory_summary_and_facts() -> None:
    square = shapes()["square"]
    assert (square.name, square.factory(), square.summary) == ("square", 4, "Four equal sides.")
    assert square.facts == {"corners": 4, "colours": frozenset({"grey"}), "round": False}
    assert square["corners"] == 4
    assert shapes()["disc"].summary == "No side at all."


def test_entries_are_frozen() -> None:
    with pytest.raises(AttributeError):
        shapes()["square"].name = "circle"


def test_names_are_sorted_and_chosen_by_facts() -> None:
    table = shapes()
    assert table.names() == ["disc", "square"]
    assert [entry.name for entry in table] == ["disc", "square"]
    assert table.names(round=True) == ["disc"]
    assert table.names(colours="grey") == ["disc", "square"]
    assert table.names(colours="red", corners=4) == []
    assert table.names(weight=3) == []


def test_an_unknown_name_is_one_line_with_the_nearest() -> None:
    table = shapes()
    assert "square" in table
    assert "sqare" not in table
    with refuses(PlanError, "unknown shape 'sqare'", "Did you mean 'square'?", "Allowed: disc, square."):
        table["sqare"]


@pytest.mark.parametrize("name", ["Square", "two words", "a--b", "-a", "", "a_b"])
def test_a_malformed_name_is_the_authors_bug(name: str) -> None:
    with pytest.raises(ValueError, match="joined by hyphens"):
        shapes().add(name, corners=1)(lambda: 1)


def test_a_taken_name_a_missing_fact_and_an_unknown_fact_are_refused() -> None:
    table = shapes()
    with pytest.raises(ValueError, match="'square' is registered already"):
        table.add("square", corners=1)(lambda: 1)
    with pytest.raises(ValueError, match=r"missing facts \['corners'\], unknown facts \['sides'\]"):
        table.add("line", sides=1)(lambda: 1)
    assert "line" not in table


def test_the_built_in_entries_are_imported_once_and_on_the_first_look() -> None:
    calls: list[int] = []
    table: Registry[Callable[[], int]] = Registry("shape", populate=lambda: calls.append(1))
    assert calls == []
    assert table.names() == []
    assert "x" not in table
    assert calls == [1]


def test_a_broken_plug_in_is_reported_and_the_others_load(monkeypatch: pytest.MonkeyPatch) -> None:
    table: Registry[Callable[[], int]] = Registry("shape", entry_point_group="shapes")

    def broken() -> None:
        raise ImportError("no module named left")

    def working() -> None:
        table.add("star")(lambda: 5)

    points = [SimpleNamespace(name="bad", load=broken), SimpleNamespace(name="good", load=working)]
    monkeypatch.setattr(registry_module, "entry_points", lambda group: points if group == "shapes" else [])
    assert table.names() == ["star"]
    assert table.failures == {"bad": "ImportError: no module named left"}


PLUGIN = '''
"""A method from outside."""

from dataclasses import dataclass
from typing import Any, ClassVar

from lorasteer.changes import weight_change
from lorasteer.methods.contract import METHODS
from lorasteer.records import Settings


class NothingSettings(Settings):
    """No settings."""


@METHODS.add("outside-nothing", family="outside", tasks={"vision"}, needs=set(), paper="none", forgets=False)
@dataclass(frozen=True)
class Nothing:
    """Change nothing at all."""

    settings: Any
    Settings: ClassVar[type[Settings]] = NothingSettings

    def unlearn(self, material, plan, course):
        """An empty change."""
        return weight_change(material.base, {}, plan=plan)
'''

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "outside-methods"
version = "1"

[project.entry-points."lorasteer.methods"]
outside = "outside_methods"
broken = "outside_methods_broken"

[tool.setuptools]
py-modules = ["outside_methods", "outside_methods_broken"]
"""

LOOK = """
from lorasteer.methods import METHODS
entry = METHODS["outside-nothing"]
print(entry["family"], entry.summary, entry.factory.__module__, sep="|")
print(METHODS.failures)
print(METHODS.names(family="adapter"))
"""


def test_an_installed_package_adds_a_method(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "outside_methods.py").write_text(PLUGIN)
    (source / "outside_methods_broken.py").write_text("raise RuntimeError('left unfinished')\n")
    install = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--no-compile"]
    run([*install, "--disable-pip-version-check", "--target", str(site), str(source)])
    family, failures, adapters = run(["-c", LOOK], site).splitlines()
    assert family == "outside|Change nothing at all.|outside_methods"
    assert failures == "{'broken': 'RuntimeError: left unfinished'}"
    assert "lora-ihl" in adapters


def run(arguments: list[str], *folders: Path) -> str:
    """Standard output of this Python with these folders and the sources on its path."""
    source = Path(registry_module.__file__).parent.parent
    path = os.pathsep.join(str(folder) for folder in (*folders, source))
    environment = {**os.environ, "PYTHONPATH": path, "PIP_NO_CACHE_DIR": "1", "PIP_NO_INPUT": "1"}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
