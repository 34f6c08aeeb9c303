"""The index's tables, as numbered migrations. A comment after a column is its description in the docs.

A migration that was ever released is never edited: add another to the end.
"""

from __future__ import annotations

import sqlite3

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,       -- when the run was begun, and six digits of its own
    created TEXT NOT NULL,              -- when it was begun, UTC, ISO 8601
    name TEXT NOT NULL,                 -- what the person calls it
    base TEXT NOT NULL,                 -- digest of the base model
    base_folder TEXT NOT NULL,          -- where the base lay; a hint, since folders move
    data TEXT NOT NULL,                 -- how to load the data set again
    data_digest TEXT NOT NULL,          -- digest of the data set
    versions TEXT NOT NULL,             -- versions of the libraries, a JSON object
    state TEXT NOT NULL,                -- state of its session
    head INTEGER NOT NULL CHECK (head >= 0), -- iteration in force; 0 is the base
    log TEXT NOT NULL                   -- hash of its last event
) STRICT""",
        """CREATE TABLE iterations (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, -- id of the run
    number INTEGER NOT NULL CHECK (number >= 1), -- counted from 1 in the order of time
    parent INTEGER NOT NULL CHECK (parent >= 0 AND parent < number), -- iteration it went on from; 0 is the base
    change TEXT NOT NULL,               -- name of the blob with the numbers of the change
    resume TEXT,                        -- name of the blob to continue the training from
    record TEXT NOT NULL,               -- the iteration, JSON
    PRIMARY KEY (run, number)
) STRICT""",
        """CREATE TABLE events (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, -- id of the run
    seq INTEGER NOT NULL CHECK (seq >= 1), -- place in the run's log
    time TEXT NOT NULL,                 -- when it happened, UTC, ISO 8601
    actor TEXT NOT NULL,                -- who did it
    action TEXT NOT NULL,               -- what was done
    detail TEXT NOT NULL,               -- its particulars, a JSON object
    why TEXT NOT NULL,                  -- why, in the words of who did it
    previous TEXT NOT NULL,             -- hash of the event before it
    hash TEXT NOT NULL,                 -- sha256 of `previous` and of the event's own facts
    PRIMARY KEY (run, seq)
) STRICT""",
        """CREATE TRIGGER events_are_not_edited BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are only added, never edited'); END""",
        """CREATE TRIGGER events_stay_while_their_run_does BEFORE DELETE ON events
WHEN EXISTS (SELECT 1 FROM runs WHERE id = OLD.run)
BEGIN SELECT RAISE(ABORT, 'events go only with their run'); END""",
        """CREATE TRIGGER events_come_in_order BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM events WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'events are added at the end'); END""",
        """CREATE TRIGGER iterations_are_not_edited BEFORE UPDATE ON iterations
BEGIN SELECT RAISE(ABORT, 'iterations are only added, never edited'); END""",
    ),
    (
        """CREATE TABLE points (
    id INTEGER PRIMARY KEY,             -- order in which they came
    base TEXT NOT NULL,                 -- digest of the base model
    target TEXT NOT NULL,               -- kind of target: class, samples or inside
    method TEXT NOT NULL,               -- registered method
    intensity REAL NOT NULL,            -- intensity that was asked for
    promised REAL NOT NULL,             -- what the intensity table promised
    achieved REAL NOT NULL,             -- what was measured
    run TEXT NOT NULL,                  -- id of the run; it may be removed since
    iteration INTEGER NOT NULL          -- number of the iteration in the run
) STRICT""",
        "CREATE INDEX points_by_base ON points (base)",
    ),
)
"""Statements of each migration. A database at `PRAGMA user_version` n has had the first n of them."""

VERSION = len(MIGRATIONS)
"""Version of the schema that this program reads and writes."""


def fresh() -> sqlite3.Connection:
    """An empty database in memory with the whole schema, to compare with and to describe."""
    connection = sqlite3.connect(":memory:")
    for statement in (statement for migration in MIGRATIONS for statement in migration):
        connection.execute(statement)
    return connection
