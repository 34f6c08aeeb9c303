"""Generated documentation: blocks are filled, stale pages are named, one failure hides no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.docs import NOTE, expected, filled, refresh
from scripts.pages import Writer

PAGE = "before\n<!-- generated: one -->\nold\n<!-- /generated -->\nafter\n"
BLOCKS: dict[str, Writer] = {"one": lambda: "new"}


def project(root: Path) -> dict[Path, Writer]:
    (root / "docs").mkdir()
    (root / "README.md").write_text(PAGE)
    (root / "docs" / "plain.md").write_text("no block\n")
    return expected(root, {"docs/whole.md": lambda: "whole\n"}, BLOCKS)


def test_check_names_each_stale_page_and_changes_nothing(tmp_path: Path) -> None:
    problems = refresh(project(tmp_path), check=True)
    assert [Path(line.split(":")[0]).name for line in problems] == ["whole.md", "README.md"]
    assert (tmp_path / "README.md").read_text() == PAGE
    assert not (tmp_path / "docs" / "whole.md").exists()


def test_written_pages_are_fresh(tmp_path: Path) -> None:
    writers = project(tmp_path)
    assert refresh(writers, check=False) == []
    assert refresh(writers, check=True) == []
    assert (tmp_path / "README.md").read_text() == PAGE.replace("old", "new")
    assert (tmp_path / "docs" / "whole.md").read_text() == NOTE + "whole\n"
    assert (tmp_path / "docs" / "plain.md").read_text() == "no block\n"


def test_a_page_that_cannot_be_made_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    def broken() -> str:
        raise ImportError("no such part")

    (tmp_path / "README.md").write_text(PAGE)
    problems = refresh(expected(tmp_path, {"broken.md": broken}, BLOCKS), check=False)
    assert problems == [f"{tmp_path / 'broken.md'}: cannot be generated: ImportError: no such part"]
    assert "new" in (tmp_path / "README.md").read_text()


def test_an_unknown_block_is_refused() -> None:
    with pytest.raises(RuntimeError, match="unknown block 'one'; allowed: two"):
        filled(PAGE, {"two": lambda: ""})
