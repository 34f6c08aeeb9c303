"""Uploads made by hand, sound ones and others."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from lorasteer.tasks.base import Base, save_base
from lorasteer.tasks.vision.classifier import ImageBaseRecord
from lorasteer.tasks.vision.models import build_model
from lorasteer.tasks.vision.pixels import Preprocess

CLASSES, SHAPE = ("a", "b", "c"), (1, 8, 8)


class Harm:
    """A pickle that would leave a trace where it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.trace,)  # type: ignore[return-value]


def pickled(trace: Path, protocol: int = 2) -> bytes:
    return pickle.dumps(Harm(trace), protocol=protocol)


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return whole.getvalue()


def renamed(archive: bytes, old: str, new: str) -> bytes:
    """The same archive with a name that zipfile would not write; both are equally long."""
    assert len(old.encode()) == len(new.encode())
    return archive.replace(old.encode(), new.encode())


def picture(size: tuple[int, int] = (8, 8), form: str = "PNG") -> bytes:
    whole = io.BytesIO()
    Image.new("L", size, 7).save(whole, form)
    return whole.getvalue()


def picture_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""
    small = picture()
    head = b"IHDR" + struct.pack(">II", width, height) + small[24:29]
    return small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]


def numbers(**arrays: np.ndarray) -> bytes:
    whole = io.BytesIO()
    np.savez(whole, **arrays)
    return whole.getvalue()


def adapter() -> bytes:
    return bytes(save({"lora_A": torch.ones(2, 3), "lora_B": torch.zeros(3, 2)}))


def safetensors(header: object, content: bytes = b"", *, length: int | None = None) -> bytes:
    """A file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def base_files(folder: Path, **changed: object) -> dict[str, bytes]:
    """The files of a base that was saved, with fields of its record changed."""
    record = ImageBaseRecord(
        model="mlp", classes=CLASSES, data="digits", data_digest="0" * 64, shape=SHAPE,
        preprocess=Preprocess(mean=(0.5,), std=(0.5,)),
    )  # fmt: skip
    save_base(Base(record, build_model("mlp", len(CLASSES), SHAPE)), folder)
    facts = {**json.loads((folder / "base.json").read_text()), **changed}
    return {"base.json": json.dumps(facts).encode(), "model.safetensors": (folder / "model.safetensors").read_bytes()}


async def pieces(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]
