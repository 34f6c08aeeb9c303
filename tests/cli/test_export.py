"""A run leaves as an adapter or as a whole model, with its report."""

from __future__ import annotations

from pathlib import Path

import peft
import pytest
import torch

from lorasteer.changes import load_change
from lorasteer.tasks.vision.classifier import load_base
from tests.cli.conftest import Run


@pytest.fixture
def kept(run: Run, base: Path, tmp_path: Path) -> Path:
    assert run("unlearn", base, "--forget", "7", "--intensity", "0.75", "--out", tmp_path / "run").code == 0
    return tmp_path / "run"


def test_an_adapter_for_stock_peft(run: Run, base: Path, kept: Path, tmp_path: Path) -> None:
    done = run("export", kept, "--strength", "0.5", "--out", tmp_path / "adapter")
    assert "PeftModel.from_pretrained" in done.out
    assert "Exported at strength 0.5" in (tmp_path / "adapter" / "report.md").read_text()
    pixels, model = torch.randn(8, 1, 8, 8), load_base(base)
    stock = peft.PeftModel.from_pretrained(load_base(base).copy(), str(tmp_path / "adapter")).eval()
    ours = load_change(kept / "change").apply(model, strength=0.5)
    with torch.no_grad():
        assert torch.allclose(stock(pixels), ours(pixels), atol=1e-5, rtol=0)
        assert not torch.allclose(stock(pixels), model.model(pixels), atol=1e-2)


def test_a_merged_model_by_id(run: Run, base: Path, kept: Path, tmp_path: Path) -> None:
    (listed,) = run("runs", "list", "--json").json
    files = run("export", listed["id"], "--merged", "--out", tmp_path / "merged", "--json").json["files"]
    assert sorted(files) == sorted(path.name for path in (tmp_path / "merged").iterdir())
    assert load_base(tmp_path / "merged").digest != load_base(base).digest
    found = run("evaluate", tmp_path / "merged", "--forget", "7", "--json").json["evaluations"][0]
    assert {m["name"]: m["value"] for m in found["measurements"]}["forget_test_accuracy"] == 0


def test_the_folder_of_a_change_alone(run: Run, base: Path, kept: Path, tmp_path: Path) -> None:
    assert run("export", kept / "change", "--out", tmp_path / "adapter").code == 0
    assert not (tmp_path / "adapter" / "report.md").exists()
    run("export", kept / "change", "--merged", "--out", tmp_path / "merged").refused("--base FOLDER")
    assert run("export", kept / "change", "--merged", "--base", base, "--out", tmp_path / "merged").code == 0


def test_refusals(run: Run, base: Path, kept: Path, tmp_path: Path) -> None:
    run("unlearn", base, "--forget", "7", "--method", "logit-mask", "--out", tmp_path / "mask")
    run("export", tmp_path / "mask", "--out", tmp_path / "adapter").refused("is not an adapter", "--merged")
    run("export", "nothing", "--out", tmp_path / "adapter").refused("no run 'nothing'")
    run("export", kept, "--strength", "2", "--out", tmp_path / "adapter").refused("strength 2.0")
    assert not (tmp_path / "adapter").exists()
    run("export", kept, "--out", kept).refused("'change'", "not of this command")
    run("export", kept, "--out", tmp_path / "adapter")
    run("export", kept, "--out", tmp_path / "adapter").refused("--overwrite")
    assert run("export", kept, "--out", tmp_path / "adapter", "--overwrite").code == 0
