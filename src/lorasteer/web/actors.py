"""Who acts, for the log: the name a person gives, or the user of this machine."""

from __future__ import annotations

import getpass
import unicodedata

LONGEST = 60
"""Characters of a name in the log, at most."""


def clean_actor(said: str) -> str:
    r"""A name on one line, without characters that cannot be seen; empty where nothing is left.

    Example:
        >>> clean_actor("  Ada\n\x00 Lovelace ")
        'Ada Lovelace'
    """
    seen = "".join(" " if sign.isspace() else sign for sign in said if sign.isspace() or unicodedata.category(sign)[0] != "C")
    return " ".join(seen.split())[:LONGEST]


def system_user() -> str:
    """The user of this machine."""
    try:
        return clean_actor(getpass.getuser()) or "somebody"
    except (KeyError, OSError):  # a container whose user has no name
        return "somebody"
