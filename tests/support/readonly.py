"""A folder that cannot be written, also for root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A copy of a folder in which this process may read and not write; root becomes nobody while the block runs."""
    place = Path(tempfile.mkdtemp())
    copy = Path(shutil.copytree(folder, place / "store"))
    for path in (place, copy, *copy.rglob("*")):
        path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield copy
    finally:
        os.seteuid(user)
        for path in (place, copy, *copy.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(place)
