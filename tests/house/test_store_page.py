"""The page about the store is asked of the schema, and a column that nobody explained is refused."""

from __future__ import annotations

import sqlite3

import pytest

from lorasteer.store.schema import VERSION
from scripts.pages import store_page
from scripts.schema import guards, schema, tables


def test_columns_and_guards_of_the_real_schema() -> None:
    version, found, rules = schema()
    assert (version, set(found)) == (VERSION, {"runs", "iterations", "events", "points"})
    assert ["`head`", "integer", "iteration in force; 0 is the base"] in found["runs"]
    assert ["`resume`", "text or nothing", "name of the blob to continue the training from"] in found["iterations"]
    assert "events are only added, never edited" in rules
    assert all(rule in store_page() for rule in rules)


def test_a_column_without_a_comment_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE one (\n    a TEXT, -- what a is\n    b TEXT\n)")
    with pytest.raises(RuntimeError, match=r"one\.b has no comment"):
        tables(connection)
    assert guards(connection) == []
    connection.close()
