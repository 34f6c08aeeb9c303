"""Write everything in the docs that the code already knows; `--check` names what is stale and fails.

Two kinds of text are generated: whole pages under docs/reference/, and blocks between the comments
`<!-- generated: NAME -->` and `<!-- /generated -->` in README.md and in any page of docs/. Run as `python -m scripts.docs`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from scripts.pages import BLOCKS, PAGES, ROOT, Writer

BLOCK = re.compile(r"(<!-- generated: ([a-z0-9-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
NOTE = "<!-- Written by scripts/docs.py; change the code it describes, then run `make format`. -->\n\n"


def filled(text: str, blocks: Mapping[str, Writer]) -> str:
    r"""A page with all its marked blocks written anew.

    Raises:
        RuntimeError: A block has a name that nothing writes.

    Example:
        >>> filled("<!-- generated: x -->\nold\n<!-- /generated -->", {"x": lambda: "new"})
        '<!-- generated: x -->\nnew\n<!-- /generated -->'
    """

    def one(match: re.Match[str]) -> str:
        head, name, tail = match.groups()
        if name not in blocks:
            raise RuntimeError(f"unknown block {name!r}; allowed: {', '.join(sorted(blocks))}")
        return f"{head}{blocks[name]()}\n{tail}"

    return BLOCK.sub(one, text)


def expected(root: Path, pages: Mapping[str, Writer], blocks: Mapping[str, Writer]) -> dict[Path, Writer]:
    """For each page that holds generated text, what writes all of it."""
    writers: dict[Path, Writer] = {root / name: partial(_noted, write) for name, write in pages.items()}
    for page in [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]:
        if page not in writers and BLOCK.search(page.read_text(encoding="utf-8")):
            writers[page] = partial(_refilled, page, blocks)
    return writers


def _noted(write: Writer) -> str:
    return NOTE + write()


def _refilled(page: Path, blocks: Mapping[str, Writer]) -> str:
    return filled(page.read_text(encoding="utf-8"), blocks)


def refresh(writers: Mapping[Path, Writer], *, check: bool) -> list[str]:
    """Write the pages, or only compare.

    Args:
        writers: What `expected` gives.
        check: Compare and change nothing.

    Returns:
        One line per page that cannot be written or, when checking, is stale.
    """
    problems = []
    for page, write in writers.items():
        try:
            wanted = write()
        except Exception as error:  # one unwritable page must not hide the state of the others
            problems.append(f"{page}: cannot be generated: {type(error).__name__}: {error}")
            continue
        if page.exists() and page.read_text(encoding="utf-8") == wanted:
            continue
        if check:
            problems.append(f"{page}: stale; run `make format` and commit the result")
        else:
            page.write_text(wanted, encoding="utf-8")
    return problems


def main() -> int:
    """Run from the command line; 0 when all generated text is fresh."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a page is stale")
    problems = refresh(expected(ROOT, PAGES, BLOCKS), check=parser.parse_args().check)
    for problem in problems:
        print(problem.removeprefix(f"{ROOT}/"), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
