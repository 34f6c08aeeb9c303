"""A report holds what was asked, done and shown, and the digests to check it by."""

from __future__ import annotations

from pathlib import Path

from lorasteer.export import report, write_report
from lorasteer.session import run_record
from tests.support.digits import bench, forgotten


def text() -> str:
    return report(run_record(bench(), forgotten(), "base"))


def test_request_plan_and_reasons_are_told() -> None:
    shown = text()
    assert "classes 7; intensity: 0.75" in shown
    assert "Method lora-ihl, seed 0, applied at strength 1." in shown
    assert forgotten().plan.because
    for reason in forgotten().plan.because:
        assert reason in shown


def test_every_number_that_was_taken_is_told() -> None:
    shown = text()
    accuracy = forgotten().now.value("retain_test_accuracy")
    assert accuracy is not None
    (row,) = [line for line in shown.splitlines() if line.startswith("| lora-ihl") and f"{accuracy:.2%}" in line]
    assert row.count("|") == 8  # the model and six metrics
    for remark in forgotten().remarks:
        assert f"- {remark}" in shown


def test_digests_and_versions_are_told() -> None:
    run = run_record(bench(), forgotten(), "base")
    for fact in (run.base, run.data_digest, run.splits, run.change.tensors, run.plan.digest, run.versions["torch"]):
        assert fact in report(run)


def test_it_claims_no_more_than_was_shown() -> None:
    shown = text().lower()
    assert "deleted" not in shown
    assert "erased" not in shown
    assert "no retained model" not in shown
    assert "no retrained model to compare with" in shown


def test_another_strength_is_said() -> None:
    run = run_record(bench(), forgotten(), "base")
    assert "Exported at strength 0.5; these measurements were taken at strength 1" in report(run, strength=0.5)
    assert "Exported" not in report(run, strength=1.0)


def test_it_is_written(tmp_path: Path) -> None:
    run = run_record(bench(), forgotten(), "base")
    assert write_report(run, tmp_path).read_text() == report(run)
