"""A report holds what was asked, done and shown, and the digests to check it by."""

from __future__ import annotations

from pathlib import Path

from lorasteer.export import report, write_report
from lorasteer.records import Snapshot
from lorasteer.session import snapshot
from tests.support.digits import bench, forgotten


def kept() -> Snapshot:
    return snapshot(bench(), forgotten(), "base")


def text() -> str:
    return report(kept())


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
    found = kept()
    run, done = found.run, found.iteration
    for fact in (run.base, run.data_digest, done.splits, done.change.tensors, done.plan.digest, run.versions["torch"]):
        assert fact in report(found)


def test_it_claims_no_more_than_was_shown() -> None:
    shown = text().lower()
    assert "deleted" not in shown
    assert "erased" not in shown
    assert "no retained model" not in shown
    assert "no retrained model to compare with" in shown


def test_another_strength_is_said() -> None:
    found = kept()
    shown = report(found, strength=0.5)
    assert "Exported at strength 0.5; these measurements were taken at strength 1" in shown
    assert f"lorasteer evaluate --change {found.run.id}:1 --strength 0.5" in shown
    assert "Exported" not in report(found, strength=1.0)


def test_what_a_person_added_is_told() -> None:
    found = kept()
    iteration = found.iteration.model_copy(update={"note": "the last try", "interrupted": True})
    run = found.run.model_copy(update={"name": "sevens"})
    shown = report(Snapshot(run=run, iteration=iteration))
    assert f"Run {run.id} (sevens)" in shown
    assert "interrupted by hand. Note: the last try" in shown


def test_it_is_written(tmp_path: Path) -> None:
    found = kept()
    assert write_report(found, tmp_path).read_text() == report(found)
