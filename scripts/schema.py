"""What the page about the store says: asked of a database with the whole schema, and of the manifest's own fields."""

from __future__ import annotations

import contextlib
import re
import sqlite3

COLUMN = re.compile(r"^\s+(\w+) (?:TEXT|INTEGER|REAL)\b.*?-- (.+)$", re.MULTILINE)
KINDS = {"TEXT": "text", "INTEGER": "integer", "REAL": "number"}


def tables(connection: sqlite3.Connection) -> dict[str, list[list[str]]]:
    """For each table, a row per column: name, type and meaning.

    Raises:
        RuntimeError: A column has no comment in the schema.
    """
    found = {}
    for name, text in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid"):
        said = dict(COLUMN.findall(text))
        facts = connection.execute(f"PRAGMA table_info({name})").fetchall()
        silent = [fact[1] for fact in facts if fact[1] not in said]
        if silent:
            raise RuntimeError(f"column {name}.{silent[0]} has no comment in lorasteer.store.schema; write what it means")
        found[name] = [[f"`{fact[1]}`", _kind(fact), said[fact[1]]] for fact in facts]
    return found


def _kind(fact: tuple[int, str, str, int, object, int]) -> str:
    _, _, kind, required, _, key = fact
    return KINDS[kind] + (", key" if key else "" if required else " or nothing")


def guards(connection: sqlite3.Connection) -> list[str]:
    """What the database itself refuses, in the words of its triggers."""
    texts = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid")
    return [found for (text,) in texts for found in re.findall(r"RAISE\(ABORT, '([^']+)'\)", text)]


def schema() -> tuple[int, dict[str, list[list[str]]], list[str]]:
    """Version of the schema, its tables and its guards."""
    from lorasteer.store.schema import VERSION, fresh

    with contextlib.closing(fresh()) as connection:
        return VERSION, tables(connection), guards(connection)
