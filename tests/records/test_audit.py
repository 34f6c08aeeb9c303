"""The record of an attack."""

from __future__ import annotations

import pytest

from lorasteer.errors import PlanError
from lorasteer.records import Measurement
from lorasteer.records.audit import AttackResult, AuditCurve

FOUND = Measurement(name="target_rank", value=0.75, unit="auc", n=4, better="near-retrained", low=0.0, high=1.0)
RESULT = AttackResult(
    attack="logit-lift", kind="lift", subject="base", model="m" * 64, splits="s" * 64, measurements=(FOUND,), n=4,
    curves=(AuditCurve(label="probe", x=(0.0, 1.0), y=(0.5, 0.9), ticks=("fc1", "fc2")),), settings={"examples": 3},
)  # fmt: skip


def test_a_result_survives_json() -> None:
    assert AttackResult.from_json(RESULT.to_json()) == RESULT


def test_a_number_is_found_by_name() -> None:
    assert RESULT.value("target_rank") == 0.75
    with pytest.raises(KeyError, match="'depth' was not measured by logit-lift; measured: target_rank"):
        RESULT["depth"]


@pytest.mark.parametrize("wrong", [{"y": (0.5,)}, {"ticks": ("fc1",)}, {"low": (0.1,)}])
def test_a_curve_is_as_long_everywhere(wrong: dict[str, tuple[object, ...]]) -> None:
    curve = {"label": "probe", "x": (0.0, 1.0), "y": (0.5, 0.9), **wrong}
    with pytest.raises(ValueError, match="of one length"):
        AuditCurve.model_validate(curve)


def test_a_damaged_record_is_refused() -> None:
    with pytest.raises(PlanError, match="not a AttackResult: kind"):
        AttackResult.from_json(RESULT.to_json().replace('"kind": "lift"', '"kind": "magic"'))
