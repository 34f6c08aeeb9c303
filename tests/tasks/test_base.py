"""The base: frozen, copied or viewed, saved with its record last."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from lorasteer.errors import StoreError
from lorasteer.tasks.base import Base, save_base, weights_digest
from tests.support.errors import refuses
from tests.support.toy import answers, toy_base


def test_a_base_takes_no_gradient_and_stays_in_evaluation_mode() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    base = Base(toy_base().record, model)
    assert not any(module.training for module in base.model.modules())
    assert not any(parameter.requires_grad for parameter in base.model.parameters())


def test_a_view_shares_the_numbers_and_a_copy_owns_them() -> None:
    base = toy_base()
    before, view, copy = weights_digest(base.model), base.view(), base.copy()
    for name, tensor in base.model.state_dict(keep_vars=True).items():
        assert view.state_dict(keep_vars=True)[name] is tensor
        assert copy.state_dict()[name].data_ptr() != tensor.data_ptr()
    assert all(parameter.requires_grad for parameter in copy.parameters())
    view.fc2 = nn.Identity()
    with torch.no_grad():
        for parameter in copy.parameters():
            parameter.zero_()
    assert weights_digest(base.model) == before == base.digest
    assert base.mirror is base.mirror
    assert answers(base.mirror).equal(answers(base.model))


def test_the_digest_covers_buffers() -> None:
    model = nn.BatchNorm1d(2).eval()
    before = weights_digest(model)
    model.running_mean[0] += 1e-3
    assert weights_digest(model) != before


@pytest.mark.parametrize("nth", [1, 2])
def test_a_folder_with_a_record_is_complete(nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights come first: when the disk is full at either file there is no record, and nothing to take for a base."""
    real, count = Path.replace, [0]

    def replace(path: Path, target: Path) -> Path:
        count[0] += 1
        if count[0] == nth:
            raise OSError(28, "No space left on device")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with refuses(StoreError, "No space left"):
        save_base(toy_base(), tmp_path / "base")
    assert not (tmp_path / "base" / "base.json").exists()
