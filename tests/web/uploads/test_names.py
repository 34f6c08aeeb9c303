"""Names to show: short, on one line, without anything that steers a page, a terminal or a file system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.web.uploads import safe_name


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [("cats.zip", "cats.zip"), ("/etc/passwd", "passwd"), ("..\\..\\boot.ini", "boot.ini"), ("", "unnamed"), ("...", "unnamed"),
     ("<script>alert(1)</script>", "script_"), ("a\x1b[31mb", "a[31mb"), ("a\u202egpj.exe", "agpj.exe"), ("a\nb", "ab"),
     ("猫 und Hünd.npz", "猫 und Hünd.npz"), ("x" * 200 + ".zip", "x" * 96 + ".zip"), ("=cmd|' /C calc'!A0", "C calc'!A0")],
)  # fmt: skip
def test_a_name_is_cleaned(given_name: str, shown: str) -> None:
    assert safe_name(given_name) == shown


@given(st.text())
def test_any_name_can_be_shown(name: str) -> None:
    shown = safe_name(name)
    assert 0 < len(shown) <= 100
    assert not set(shown) & set('<>:"|?*\\/\n\r\0')
    assert shown.isprintable() or not any(ord(letter) < 32 for letter in shown)
    assert safe_name(shown) == shown
