"""The recorded session in the README was typed as scripts/record.py types, and shows the keys there are. Numbers may differ."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from lorasteer.cli.steering.keys import KEYS
from scripts.record import PICTURE, TYPED, caption

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def seen(node: ElementTree.Element) -> str:
    return " ".join("".join(text.itertext()) for text in node.iter(f"{SVG}text")).replace("\xa0", " ")


def test_the_recording_is_fresh() -> None:
    picture = ElementTree.parse(PICTURE).getroot()
    assert picture.findtext(f"{SVG}desc") == " | ".join(TYPED)
    frames = [node for node in picture.iter(f"{SVG}g") if node.get("class") == "frame"]
    whole = [seen(frame) for frame in frames]
    for key in KEYS:
        if key.action not in ("interrupt", "help"):
            assert any(key.label in text for text in whole), key
    assert "reviewing" in whole[1]
    assert "closed" in whole[-1]
    assert "retrained ± floor" in whole[-1]


def test_the_recording_asks_nothing_of_another_server() -> None:
    assert re.findall(r"(?:href|src)=|@import|url\((?!#)", PICTURE.read_text(encoding="utf-8")) == []


def test_readme_and_guide_show_it() -> None:
    assert "docs/assets/steer.svg" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "../assets/steer.svg" in (ROOT / "docs" / "how-to" / "steer.md").read_text(encoding="utf-8")


def test_keys_are_told_as_people_write_them() -> None:
    assert caption("a 0.9 enter") == "a 0.9 Enter"
