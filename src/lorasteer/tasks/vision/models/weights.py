"""Weights from safetensors files, strictly: every tensor is there, fits and is finite, or nothing is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from lorasteer.errors import WeightsError

_PICKLE_NAMES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80")


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load a safetensors file into a model, all or nothing.

    Args:
        model: Its parameters and buffers are overwritten in place, on the device they are on.
        path: A file whose tensors have the names and shapes of `model.state_dict()`. A tensor that shares its memory with
            another one (tied weights) may be left out.

    Raises:
        WeightsError: The file is missing, a pickle, damaged, has a tensor too few or too many, or one of another shape or
            kind of number, or one with NaN or infinity. The model is then as it was.
    """
    path = Path(path)
    loaded = _read(path)
    own = model.state_dict()
    _check_names(path, loaded, own)
    for name, tensor in loaded.items():
        _check_tensor(path, name, tensor, own[name])
    model.load_state_dict(loaded, strict=False)  # names are checked above; strict would refuse a missing tied weight


def refuse_pickle(path: Path) -> NoReturn:
    """Say why a pickle is not loaded and how to convert it.

    Raises:
        WeightsError: Always.
    """
    raise WeightsError(
        f"weights {str(path)!r} are a pickle, which can run any code when read; allowed is safetensors. "
        "If you trust them: safetensors.torch.save_file(torch.load(file, weights_only=True), 'model.safetensors')."
    )


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(f"weight file {str(path)!r} {found}; allowed is a .safetensors file. Give its path.")
    if _looks_pickled(path):
        refuse_pickle(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"weight file {str(path)!r} ({path.stat().st_size} bytes) is cut short or not safetensors: {error}. "
            "Copy or download it again."
        ) from error


def _looks_pickled(path: Path) -> bool:
    """By name, or by the first bytes: a zip archive or a pickle's protocol mark.

    A safetensors file begins with the length of its header, which may happen to be the same bytes; its 9th byte is `{`.
    """
    with path.open("rb") as file:
        start = file.read(9)
    return path.suffix.lower() in _PICKLE_NAMES or (start.startswith(_PICKLE_STARTS) and start[8:] != b"{")


def _check_names(path: Path, loaded: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    present = {(own[name].data_ptr(), own[name].shape) for name in loaded if name in own}
    missing = [name for name in own if name not in loaded and (own[name].data_ptr(), own[name].shape) not in present]
    unexpected = [name for name in loaded if name not in own]
    if missing or unexpected:
        lacks = f"lacks {len(missing)} tensors of the model (first {missing[0]!r})" if missing else ""
        has = f"has {len(unexpected)} the model does not know (first {unexpected[0]!r})" if unexpected else ""
        raise WeightsError(
            f"weight file {str(path)!r} {' and '.join(filter(None, (lacks, has)))}; allowed are exactly the model's "
            f"{len(own)} tensors. Choose the model these weights were saved from."
        )


def _check_tensor(path: Path, name: str, got: Tensor, own: Tensor) -> None:
    if got.shape != own.shape:
        raise WeightsError(
            f"tensor {name!r} in {str(path)!r} has shape {list(got.shape)}, the model needs {list(own.shape)}. "
            "Choose the model, number of classes and image shape these weights were saved from."
        )
    if got.is_floating_point() != own.is_floating_point():
        raise WeightsError(f"tensor {name!r} in {str(path)!r} is {got.dtype}, the model needs {own.dtype}. Save it as that type.")
    if got.is_floating_point() and not bool(torch.isfinite(got).all()):
        bad = int((~torch.isfinite(got)).sum())
        raise WeightsError(
            f"tensor {name!r} in {str(path)!r} has {bad} of {got.numel()} numbers NaN or infinite; allowed are finite ones. "
            "Use weights saved before the training diverged."
        )
