"""Folders that describe a model: they may name only what this program brings, because a name can be code."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from lorasteer.errors import PlanError, UserError, WeightsError
from lorasteer.web.uploads.limits import UploadLimits
from lorasteer.web.uploads.tensors import Shapes, check_safetensors

BASE_FILES = frozenset({"base.json", "model.safetensors"})
ADAPTER_FILES = frozenset({"adapter_config.json", "adapter_model.safetensors"})
_LARGEST_SIDE = 4_096
NOTES = frozenset({"README.md"})
"""May lie beside them and is not looked at."""


def check_base(folder: Path, shown: str, limits: UploadLimits) -> None:
    """Check a base folder: a registered model, and tensors of exactly its shapes.

    Raises:
        UserError: A file is missing or wrong, or the record names a model that lies elsewhere.
    """
    from lorasteer.tasks.vision.classifier import ImageBaseRecord

    _check_present(folder, BASE_FILES, shown)
    text = _text(folder / "base.json", shown, limits)
    try:
        record = ImageBaseRecord.from_json(text)
    except PlanError as error:
        raise WeightsError(f"{shown!r}: base.json is {str(error)[:200]}. Upload the folder as it was saved.") from error
    _check_model_name(record.model, shown)
    shapes = check_safetensors(folder / "model.safetensors", f"{shown}: model.safetensors", limits)
    wanted = _shapes_of(record)
    if unlike := sorted(name for name in wanted.keys() | shapes.keys() if wanted.get(name) != shapes.get(name)):
        name = unlike[0]
        raise WeightsError(
            f"{shown!r} has tensor {name[:60]!r} with shape {shapes.get(name, 'n/a')}, model {record.model!r} needs "
            f"{wanted.get(name, 'n/a')}. Upload the folder as it was saved."
        )


def check_adapter(folder: Path, shown: str, limits: UploadLimits) -> None:
    """Check an adapter folder: a LoRA configuration that names no Python to import, and sound tensors.

    Raises:
        UserError: A file is missing or wrong.
    """
    _check_present(folder, ADAPTER_FILES, shown)
    try:
        config = json.loads(_text(folder / "adapter_config.json", shown, limits))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{shown!r} has an adapter_config.json that is not JSON ({error}). Save the adapter again.") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise WeightsError(f"{shown!r} is no LoRA adapter; allowed is peft_type 'LORA'. Upload one.")
    if config.get("auto_mapping") is not None:
        raise WeightsError(
            f"{shown!r} names Python to import in auto_mapping ({str(config['auto_mapping'])[:80]}); allowed is null. Set it so."
        )
    check_safetensors(folder / "adapter_model.safetensors", f"{shown}: adapter_model.safetensors", limits)


def _check_present(folder: Path, names: frozenset[str], shown: str) -> None:
    if missing := sorted(name for name in names if not (folder / name).is_file()):
        raise WeightsError(f"{shown!r} lacks {missing[0]}; needed are {' and '.join(sorted(names))}. Upload the whole folder.")


def _text(path: Path, shown: str, limits: UploadLimits) -> str:
    if path.stat().st_size > limits.json_bytes:
        size = f"has a {path.name} of {path.stat().st_size} bytes"
        raise WeightsError(f"{shown!r} {size}; allowed are {limits.json_bytes}. Upload the folder as it was saved.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except ValueError as error:
        raise WeightsError(f"{shown!r} has a {path.name} that is not UTF-8 text. Upload the folder as it was saved.") from error


def _check_model_name(name: str, shown: str) -> None:
    """Only models that this program makes itself; a factory, a folder or an id of a hub would load somebody's code or files."""
    from lorasteer.tasks.vision.models import MODELS

    own = [entry.name for entry in MODELS if "location" not in inspect.signature(entry.factory).parameters]
    if name not in own:
        raise WeightsError(
            f"{shown!r} is of model {name[:60]!r}, which lies outside the upload; allowed are {', '.join(own)}. "
            "Open such a base on this machine, from the command line."
        )


def _shapes_of(record: object) -> Shapes:
    """Shapes of a model's tensors, without memory for one of them: a record can claim any size."""
    import torch

    from lorasteer.tasks.vision.classifier import ImageBaseRecord
    from lorasteer.tasks.vision.models import build_model

    assert isinstance(record, ImageBaseRecord)
    if not all(1 <= side <= _LARGEST_SIDE for side in record.shape):
        raise WeightsError(
            f"base.json has images of {record.shape}; allowed are 1 to {_LARGEST_SIDE}. Upload it as it was saved."
        )
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            model = build_model(record.model, len(record.classes), record.shape, **record.options)
    except UserError:
        raise
    except (RuntimeError, ValueError, OverflowError) as error:
        raise WeightsError(
            f"base.json describes a model that cannot be made ({str(error)[:80]}). Upload it as it was saved."
        ) from error
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
