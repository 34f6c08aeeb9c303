"""Any image classifier that `transformers` loads, from a folder or by id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from lorasteer.errors import PlanError, WeightsError
from lorasteer.tasks.pretrained import first_line, is_place, quiet, refuse_gaps, refuse_pickled_folder
from lorasteer.tasks.vision.models.catalog import MODELS, Shape
from lorasteer.tasks.vision.pixels import Preprocess


@MODELS.add("hub", params="whatever the folder holds", recognises=is_place)
def hub(classes: int, shape: Shape, *, location: str, new_head: bool = False) -> nn.Module:
    """Any AutoModelForImageClassification, from a folder or a hub id, weights as safetensors.

    Args:
        classes: Number of classes of the data; must equal that of the model unless `new_head`.
        shape: Shape of the images; whether the model takes it is tried by `build_model`.
        location: Folder or hub id.
        new_head: Replace a classifier made for other classes by an untrained one.
    """
    from transformers import AutoConfig, AutoModelForImageClassification

    refuse_pickled_folder(Path(location))
    try:
        labels = AutoConfig.from_pretrained(location).num_labels
        if labels != classes and not new_head:
            raise PlanError(
                f"model {location!r} has {labels} classes, the data has {classes}. "
                "Choose data with its classes, or give new_head=true for an untrained classifier."
            )
        wanted = {} if labels == classes else {"num_labels": classes}  # given in vain it would drop the class names
        with quiet():
            model, notes = AutoModelForImageClassification.from_pretrained(
                location, ignore_mismatched_sizes=new_head, use_safetensors=True, output_loading_info=True, **wanted
            )
    except PlanError:
        raise
    except Exception as error:  # transformers, safetensors and huggingface_hub share no base class
        raise WeightsError(
            f"model {location!r} cannot be loaded: {first_line(error)}. Give a folder written by save_pretrained with "
            "model.safetensors, or the id of an image classifier and a connection."
        ) from error
    refuse_gaps(location, notes, new_head)
    return model  # type: ignore[no-any-return]


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
