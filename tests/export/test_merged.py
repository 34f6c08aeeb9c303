"""A merged model is a base of its own that answers as the change in force does, and says where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lorasteer.errors import PlanError
from lorasteer.export import export_merged
from lorasteer.session import Workbench
from lorasteer.tasks.vision.classifier import load_base
from tests.support.digits import bench, digits, forgotten, request, small_base
from tests.support.errors import refuses


@pytest.mark.parametrize("method", ["lora-ihl", "logit-mask"])
@pytest.mark.parametrize("strength", [0.0, 0.5, None])
def test_it_answers_as_the_change_does(tmp_path: Path, method: str, strength: float | None) -> None:
    change = forgotten(method).change
    merged = load_base(export_merged(change, small_base(), tmp_path / "merged", strength=strength))
    pixels = torch.from_numpy(digits().test.images[:64]).float() / 255
    with torch.no_grad():
        ours, theirs = change.apply(small_base(), strength=strength)(pixels), merged.model(pixels)
    assert torch.allclose(ours, theirs, atol=1e-5, rtol=0)
    if strength == 0.0:
        assert merged.digest == small_base().digest


def test_its_record_stays_true(tmp_path: Path) -> None:
    change = forgotten().change
    folder = export_merged(change, small_base(), tmp_path / "merged", strength=0.5)
    merged = load_base(folder)
    assert merged.record.weights == merged.digest != small_base().digest
    assert merged.record.fit is None
    assert merged.record.data_digest == digits().digest
    origin = json.loads((folder / "export.json").read_text())
    assert (origin["base"], origin["weights"], origin["strength"]) == (small_base().digest, merged.digest, 0.5)
    assert origin["change"]["tensors"] == change.record.tensors


def test_the_bases_recipe_is_not_taken_for_its_own(tmp_path: Path) -> None:
    merged = load_base(export_merged(forgotten().change, small_base(), tmp_path / "merged"))
    splits = bench().translate(request()).splits
    with refuses(PlanError, "no recipe to retrain it by"):
        Workbench(merged, digits()).retrain(splits, seed=1)
