"""Tensors and files: digests, atomic safetensors, and the checks every loaded weight file goes through."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from lorasteer.errors import StoreError, WeightsError

Tensors = dict[str, Tensor]
NamedTensors = Mapping[str, Tensor]
"""The same, to read only."""


def digest_of(tensors: Mapping[str, Tensor], *, extra: str = "") -> str:
    """sha256 over names, types, shapes and bytes, in the order of the names; 64 hexadecimal digits.

    Args:
        tensors: Named tensors.
        extra: Text that belongs to them, such as a configuration.
    """
    total = hashlib.sha256(extra.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous().cpu()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Raises:
        StoreError: The folder cannot be written; what lay at `path` is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = unused_beside(path)
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield temporary
        temporary.chmod(mode)  # as the umask says; safetensors writes a file that only its owner can read
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def unused_beside(path: Path) -> Path:
    """A hidden name beside `path` that nobody has; what is made there gets the rights that the umask gives."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _cannot_write(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"cannot write {path}: {error}. Nothing that was there is lost; free space or choose another folder, then run again."
    )


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader finds the old or the new text, never half of it."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file atomically.

    Raises:
        StoreError: The disk is full or the folder cannot be written; an older file at `path` is untouched.
    """
    whole = {name: tensor.detach().contiguous().cpu().clone() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        safetensors.torch.save_file(whole, temporary, metadata=dict(metadata) if metadata else None)  # {} makes a broken header


def read_tensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Read a safetensors file: its tensors and its metadata.

    Raises:
        WeightsError: The file is missing, a pickle, truncated, or holds a number that is not finite.
    """
    refuse_pickle(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            metadata = dict(file.metadata() or {})
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(f"{path} cannot be read: {error}. Copy or save it again; it may be truncated.") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsError(f"tensor {name!r} in {path} holds NaN or infinity; load weights that are finite.")
    return tensors, metadata


def refuse_pickle(path: Path) -> None:
    """Refuse what is not a safetensors file by its first bytes, whatever its name says.

    Raises:
        WeightsError: The file is missing, empty, a zip archive or a pickle.
    """
    if not path.is_file():
        raise WeightsError(f"no weight file at {path}; give the path of a .safetensors file.")
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:9] == b"{":  # the length before it may begin like a pickle or a zip archive
        return
    if start[:2] == b"PK" or start[:1] == b"\x80":
        raise WeightsError(
            f"{path} is a pickle, which can run code when it is opened; only safetensors is read. "
            "Convert it where you trust it: safetensors.torch.save_file(torch.load(path, weights_only=True), new_path)."
        )
    raise WeightsError(f"{path} is not a safetensors file (its header does not start with '{{'). Save it with safetensors.")


def copy_structure(model: nn.Module) -> nn.Module:
    """A model with modules of its own and the very same tensors, in evaluation mode.

    Modules of the copy can be replaced, wrapped and hooked while the original stays as it was; no number is copied.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, dict(shared)).eval()


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `path` when the block ends well, and vanishes when it does not.

    Raises:
        StoreError: Nothing can be written there; an older folder at `path` is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = unused_beside(path)
        temporary.mkdir()
    except OSError as error:
        raise _cannot_write(path, error) from error
    old = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        if old.exists() and not path.exists():
            old.rename(path)
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
