"""Any image classifier that `transformers` loads, from a folder or by id."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from lorasteer.errors import PlanError, WeightsError
from lorasteer.tasks.vision.models.catalog import MODELS, Shape
from lorasteer.tasks.vision.models.weights import refuse_pickle
from lorasteer.tasks.vision.pixels import Preprocess


def _is_place(name: str) -> bool:
    return Path(name).is_dir() or (name.count("/") == 1 and not name.startswith((".", "/", "~")))


@MODELS.add("hub", params="whatever the folder holds", recognises=_is_place)
def hub(classes: int, shape: Shape, *, location: str, new_head: bool = False) -> nn.Module:
    """Any AutoModelForImageClassification, from a folder or a hub id, weights as safetensors.

    Args:
        classes: Number of classes of the data; must equal that of the model unless `new_head`.
        shape: Shape of the images; whether the model takes it is tried by `build_model`.
        location: Folder or hub id.
        new_head: Replace a classifier made for other classes by an untrained one.
    """
    from transformers import AutoConfig, AutoModelForImageClassification

    _refuse_pickled_folder(Path(location))
    try:
        labels = AutoConfig.from_pretrained(location).num_labels
        if labels != classes and not new_head:
            raise PlanError(
                f"model {location!r} has {labels} classes, the data has {classes}. "
                "Choose data with its classes, or give new_head=true for an untrained classifier."
            )
        wanted = {} if labels == classes else {"num_labels": classes}  # given in vain it would drop the class names
        with _quiet():
            model, notes = AutoModelForImageClassification.from_pretrained(
                location, ignore_mismatched_sizes=new_head, use_safetensors=True, output_loading_info=True, **wanted
            )
    except PlanError:
        raise
    except Exception as error:  # transformers, safetensors and huggingface_hub share no base class
        raise WeightsError(
            f"model {location!r} cannot be loaded: {_first_line(error)}. Give a folder written by save_pretrained with "
            "model.safetensors, or the id of an image classifier and a connection."
        ) from error
    _refuse_gaps(location, notes, new_head)
    return model  # type: ignore[no-any-return]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the reports and bars of transformers off the terminal; what matters in them is raised as an error here."""
    from transformers.utils import logging as reports

    level, bars = reports.get_verbosity(), reports.is_progress_bar_enabled()
    reports.set_verbosity(logging.ERROR)
    reports.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        reports.set_verbosity(level)
        if bars:
            reports.enable_progress_bar()  # type: ignore[no-untyped-call]


def _refuse_pickled_folder(folder: Path) -> None:
    """One line for a folder that holds only pickled weights; transformers would say that files are missing."""
    pickles = sorted(folder.glob("pytorch_model*.bin")) if folder.is_dir() else []
    if pickles and not list(folder.glob("*.safetensors")):
        refuse_pickle(pickles[0])


def _refuse_gaps(location: str, notes: dict[str, Any], new_head: bool) -> None:
    """Missing weights would be filled with random numbers, which transformers only logs; a base model must be whole."""
    missing = sorted(notes["missing_keys"])
    if missing and not new_head:
        raise WeightsError(
            f"model {location!r} lacks {len(missing)} of its weights, the first is {missing[0]!r}. "
            "Give a complete folder, or new_head=true if only the classifier is missing."
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".!")


def hub_preprocess(location: str) -> Preprocess | None:
    """Mean and spread that a folder or hub id states in `preprocessor_config.json`, in our units; None where it states none.

    A processor that does not rescale, or does so by another factor f than 1/255, reads (f x - mean) / std; the same
    numbers are (x / 255 - mean / 255 f) / (std / 255 f).

    Raises:
        WeightsError: The file is no JSON object.
    """
    stated = _stated(_config_file(location))
    if not stated.get("image_mean") or not stated.get("image_std"):
        return None
    factor = 255 * (stated.get("rescale_factor", 1 / 255) if stated.get("do_rescale", True) else 1.0)
    mean, std = (stated["image_mean"], stated["image_std"]) if stated.get("do_normalize", True) else ([0.0], [1.0])
    return Preprocess(mean=tuple(m / factor for m in mean), std=tuple(s / factor for s in std))


def _stated(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{str(path)!r} is no JSON object: {error}. Copy or download it again.") from error


def _config_file(location: str) -> Path | None:
    if Path(location).is_dir():
        path = Path(location) / "preprocessor_config.json"
        return path if path.is_file() else None
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(location, "preprocessor_config.json")
    except OSError:  # the id has no such file
        return None
    return Path(found) if found else None
