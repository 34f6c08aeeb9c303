"""What other processes do to a store in the tests. They end when they are killed or told to."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from lorasteer.store import RunStore
from tests.support.kept import RUN, add


def hold(root: str, connection: Connection) -> None:
    """Hold the right to write until told to let go."""
    with RunStore(Path(root)).writing():
        connection.send("held")
        connection.recv()
    connection.send("free")


def write(root: str, connection: Connection) -> None:
    """Add iterations and move the head for ever; tell each number once it is kept."""
    store = RunStore(Path(root))
    number = len(store.iterations(RUN))
    connection.send(number)
    while True:
        number += 1
        add(store, number, parent=store.load(RUN).head)
        connection.send(number)
        if number % 3 == 0:
            store.move(RUN, head=number - 1, actor="me", action="undo")
        if number % 7 == 0:
            store.gc()


def take_in(root: str, connection: Connection) -> None:
    """Open a store for the first time."""
    connection.send(0)
    RunStore(Path(root)).list()
