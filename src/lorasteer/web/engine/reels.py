"""The pictures of an iteration's way: thinned, and kept beside the store, where to lose them is harmless."""

from __future__ import annotations

import contextlib
import json
import secrets
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lorasteer.projection import Frame

MOST = 40
"""Pictures that are kept of one iteration, the settled one not counted."""


class Shot(NamedTuple):
    """A picture with what each point was taken for.

    Args:
        step: Training step; None for the finished iteration.
        frame: The picture.
        answers: Class of each point.
    """

    step: int | None
    frame: Frame
    answers: NDArray[np.int64]


@dataclass
class Reel:
    """Pictures in order of time: of the training, and then of the finished iteration as it settles.

    Args:
        way: Pictures of the training.
        last: The newest of the finished iteration.
    """

    way: list[Shot] = field(default_factory=list)
    last: Shot | None = None
    _every: int = 1
    _seen: int = 0

    def add(self, shot: Shot) -> None:
        """Take in a picture; where there are too many every second one is dropped, and from then on only every second kept."""
        if shot.step is None:
            self.last = shot
            return
        if self._seen % self._every == 0:
            self.way.append(shot)
        self._seen += 1
        if len(self.way) > MOST:
            self.way, self._every = self.way[::2], 2 * self._every

    @property
    def shots(self) -> tuple[Shot, ...]:
        """All of them, that of the finished iteration last."""
        return (*self.way, *([self.last] if self.last else []))


def write(path: Path, reel: Reel, points: str) -> None:
    """Keep a reel; a disk that refuses it costs no more than the pictures.

    Args:
        path: File to write, whole or not at all.
        reel: The pictures, at least one.
        points: Digest of the points they are of.
    """
    shots = reel.shots
    facts = [{"step": shot.step, **{**shot.frame.facts(), "key": None}} for shot in shots]
    temporary = path.with_name(f".{secrets.token_hex(4)}.npz")
    with contextlib.suppress(OSError):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                temporary, positions=np.stack([shot.frame.positions for shot in shots]),
                answers=np.stack([shot.answers for shot in shots]).astype(np.uint16),
                facts=np.array(json.dumps({"points": points, "frames": facts})),
            )  # fmt: skip
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def read(path: Path, points: str) -> Reel | None:
    """A reel that was kept of these points; None where there is none, or one that is damaged or of another version.

    Args:
        path: The file.
        points: Digest of the points.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            positions, answers = file["positions"], file["answers"].astype(np.int64)
        if facts["points"] != points:
            return None
        reel = Reel()
        for place, one in enumerate(facts["frames"]):
            step = one.pop("step")
            reel.add(Shot(step, Frame.of(positions[place], one), answers[place]))
        return reel
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def file_of(folder: Path, run: str, number: int, points: str) -> Path:
    """Where the pictures of an iteration lie. The name of a run is one that this program made."""
    return folder / run / f"{number}-{points[:12]}.npz"
