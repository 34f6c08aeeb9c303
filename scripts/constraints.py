"""Write constraints.txt: exact versions, taken from this environment, of all that lorasteer and its extras to work on it need.

Run after changing a dependency: `.venv/bin/python scripts/constraints.py`.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("web", "umap", "language", "dev")
HEADER = "# Exact versions everything is tested with; written by scripts/constraints.py.\n"


def needed(requirements: list[str]) -> dict[str, str]:
    """Name to version of the requirements and of all they need in turn.

    Args:
        requirements: As in pyproject.toml.

    Returns:
        Public versions: a local suffix such as `+cpu` depends on where a wheel came from and is left out.
    """
    versions: dict[str, str] = {}
    waiting = [(Requirement(text), "") for text in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError as error:
            raise SystemExit(f"{name} is required but not installed here. Run pip install -e '.[web,umap,dev]' first.") from error
        versions[name] = Version(found.version).public
        for wanted in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, wanted))
            waiting += [(Requirement(text), wanted) for text in found.requires or ()]
    return versions


def main() -> None:
    """Write constraints.txt beside pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    versions = needed([*project["dependencies"], *(wanted for name in EXTRAS for wanted in extras[name])])
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    (ROOT / "constraints.txt").write_text(HEADER + "".join(lines))


if __name__ == "__main__":
    main()
