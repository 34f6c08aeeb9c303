"""Names that come from outside: cleaned to be shown, and checked before a file of an archive gets one."""

from __future__ import annotations

import re
import unicodedata

from lorasteer.errors import DataError

_FORBIDDEN = re.compile(r'[<>:"|?*\\/]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_DEEPEST, _LONGEST = 8, 255


def safe_name(name: str, *, longest: int = 100) -> str:
    r"""A name to show to people: the last part of a path, on one line, with nothing in it that steers a page or a terminal.

    It is never used to find a file; uploads have ids.

    Example:
        >>> safe_name("../../etc/passwd"), safe_name("C:\\data\\cats<b>.zip"), safe_name("..")
        ('passwd', 'cats_b_.zip', 'unnamed')
    """
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    visible = "".join(letter for letter in last if not _is_control(letter))
    clean = _FORBIDDEN.sub("_", visible).strip(". ")
    return _shortened(clean, longest) or "unnamed"


def check_member(name: str) -> str:
    """Give the name of a file in an archive back when it leads to a place below the archive on every system.

    Args:
        name: As it stands in the archive, with `/` between its parts.

    Raises:
        DataError: It is absolute, leads upwards, or holds something a system gives a meaning of its own.
    """
    problem = _problem(name)
    if problem:
        raise DataError(
            f"the archive holds {name[:60]!r}, which {problem}; allowed are plain names below it. Pack the folder again."
        )
    return name


def _problem(name: str) -> str:
    """What is wrong with a name; empty where nothing is."""
    parts = name.split("/")
    if not name or name.startswith("/"):
        return "is not below the archive"
    if len(parts) > _DEEPEST:
        return f"lies deeper than {_DEEPEST} folders"
    return next(filter(None, map(_part_problem, parts)), "")


def _part_problem(part: str) -> str:
    folded = unicodedata.normalize("NFKC", part)  # a dot or slash of another alphabet is one to some systems
    if not part or set(folded) <= {".", " "}:
        return "leads elsewhere than its name says"
    if any(map(_is_control, part)) or _FORBIDDEN.search(folded):
        return 'holds a control character, a backslash or one of < > : " | ? *'
    if part != part.strip() or part.endswith("."):
        return "begins or ends with a space, or ends with a dot"
    if _RESERVED.fullmatch(folded):
        return "is the name of a device on Windows"
    return f"is longer than {_LONGEST} bytes" if len(part.encode("utf-8", "replace")) > _LONGEST else ""


def _is_control(letter: str) -> bool:
    """Control and format characters, among them those that turn the direction of writing; and halves of characters."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _shortened(name: str, longest: int) -> str:
    stem, dot, ending = name.rpartition(".")
    if len(name) <= longest or not dot or len(ending) > 12:
        return name[:longest]
    return f"{stem[: longest - len(ending) - 1]}.{ending}"
