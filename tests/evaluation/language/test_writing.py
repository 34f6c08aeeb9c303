"""Greedy answers in batches are those that `generate` gives one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lorasteer.evaluation.language import writing as module
from lorasteer.evaluation.language.writing import write_greedily
from lorasteer.tasks.language.network import Network
from tests.tasks.language import build

KNOWN = [[1, 5, 9], [1, 7], [3, 4, 5, 6, 7, 8, 9], [11], [1, 5, 9, 13]]
LIMITS = [12, 4, 9, 10, 4]


@pytest.fixture(params=build.FAMILIES)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return build.base(request.param).model


def one_by_one(model: Any, end: int | None) -> list[list[int]]:
    """The whole model asked again for every token."""
    found = []
    with torch.no_grad():
        for known, limit in zip(KNOWN, LIMITS, strict=True):
            ids = list(known)
            while len(ids) < limit and not (len(ids) > len(known) and ids[-1] == end):
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
            found.append(ids)
    return found


def test_batches_write_what_one_by_one_writes(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = one_by_one(model, None)
    assert write_greedily(Network.of(model), KNOWN, LIMITS, None) == expected
    monkeypatch.setattr(module, "ROWS", 2)
    assert write_greedily(Network.of(model), KNOWN, LIMITS, None) == expected


def test_a_row_ends_at_its_end_token_and_the_others_go_on(model: nn.Module) -> None:
    """Some token that one row writes early is declared the end."""
    free = one_by_one(model, None)
    end = free[0][len(KNOWN[0]) + 1]
    found = write_greedily(Network.of(model), KNOWN, LIMITS, end)
    assert found == one_by_one(model, end)
    assert len(found[0]) < LIMITS[0]


def test_what_is_full_already_is_left_alone() -> None:
    assert write_greedily(Network.of(build.base("llama").model), [[1, 2, 3]], [3], 2) == [[1, 2, 3]]
    assert write_greedily(Network.of(build.base("llama").model), [], [], 2) == []
