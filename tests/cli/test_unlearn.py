"""One round from the command line: measured, kept, and the base as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from lorasteer.errors import StoreError
from lorasteer.records import Snapshot
from lorasteer.store import RunStore, read_run
from lorasteer.tasks.vision.classifier import load_base
from tests.cli.conftest import Run
from tests.support.digits import small_base

SEVEN = ("--forget", "7", "--intensity", "0.75")


def test_a_class_is_forgotten_and_the_base_is_as_it_was(run: Run, base: Path, home: Path, tmp_path: Path) -> None:
    done = run("unlearn", base, *SEVEN, "--out", tmp_path / "run")
    assert (done.code, done.err) == (0, "")
    (found,) = RunStore(home / "runs").list()
    assert found.record is not None
    assert found.head is not None
    assert Snapshot(run=found.record, iteration=found.head) == read_run(tmp_path / "run")
    assert found.record.base_folder == str(base)
    values = {m.name: m.value for m in found.head.evaluations[-1].measurements}
    forgotten, kept = values["forget_test_accuracy"], values["retain_test_accuracy"]
    assert forgotten is not None
    assert forgotten <= 0.05
    assert kept is not None
    assert kept >= 0.9
    assert f"{kept:.2%}" in done.out
    assert all(reason in done.out for reason in found.head.plan.because)
    assert "no retrained model to compare with" in done.out
    assert load_base(base).digest == small_base().digest


def test_json_is_the_run(run: Run, base: Path, home: Path) -> None:
    found = run("unlearn", base, *SEVEN, "--method", "logit-mask", "--json").json
    kept = RunStore(home / "runs").snapshot(found["run"]["id"])
    assert found == {"folder": None, **kept.model_dump(mode="json")}


def test_a_direction_and_a_strength(run: Run, base: Path) -> None:
    words = ("--direction-attribute", "slant", "--descending", "--strength", "0.5", "--set", "epochs=2", "--json")
    found = run("unlearn", base, *SEVEN, *words).json["iteration"]
    assert found["request"]["direction"]["attribute"] == "slant"
    assert len(found["plan"]["weights"]) == found["sizes"]["forget"]
    assert (found["change"]["strength"], found["plan"]["settings"]["epochs"]) == (0.5, 2)


def test_intensity_0_changes_nothing(run: Run, base: Path) -> None:
    first, last = run("unlearn", base, "--forget", "7", "--intensity", "0", "--json").json["iteration"]["evaluations"]
    accuracy = [{m["name"]: m["value"] for m in one["measurements"]}["forget_accuracy"] for one in (first, last)]
    assert accuracy[0] == accuracy[1]


def test_retrained_models_are_trained_once_then_shown_unasked(run: Run, base: Path) -> None:
    first = run("unlearn", base, *SEVEN, "--method", "logit-mask", "--retrained", "2", "--json").json["iteration"]
    second = run("unlearn", base, *SEVEN, "--method", "zeroing", "--json").json["iteration"]
    subjects = [evaluation["subject"] for evaluation in second["evaluations"]]
    assert subjects == ["base", "retrained (seed 1000)", "retrained (seed 1001)", "zeroing"]
    assert second["evaluations"][:3] == first["evaluations"][:3]
    assert second["floor"]["kl_to_retrained_forget"][2] == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--forget", "77"), ("unknown class '77'", "Did you mean '7'?")),
        (("--where", "class == 7 and ink > 1000"), ("selects none",)),
        (tuple(word for name in "0123456789" for word in ("--forget", name)), ("selects all", "nothing would be retained")),
        ((), ("exactly one of --forget",)),
        ((*SEVEN, "--set", "rank=500"), ("adapter rank 500 is larger than layer", "Choose rank <=")),
        ((*SEVEN, "--set", "margin=1.5"), ("margin 1.5 is outside (0, 1]", "nothing changes")),
        ((*SEVEN, "--set", "colour=red"), ("no setting 'colour'", "margin")),
        ((*SEVEN, "--method", "lora-hil"), ("unknown method 'lora-hil'", "Did you mean 'lora-ihl'?")),
        ((*SEVEN, "--intensity", "3"), ("intensity", "got 3.0")),
        (("--random", "20", "--method", "logit-mask"), ("needs 'class-target'", "lora-ihl")),
        ((*SEVEN, "--data", "npz:missing.npz"), ("missing.npz",)),
        ((*SEVEN, "--data", "digits?test_share=0.5"), ("the base was trained on", "--data")),
        ((*SEVEN, "--strength", "2"), ("strength 2.0 is outside",)),
    ],
)
def test_refusals(run: Run, base: Path, home: Path, words: tuple[str, ...], expected: tuple[str, ...]) -> None:
    run("unlearn", base, *words).refused(*expected)
    assert RunStore(home / "runs").list() == ()


def test_no_base_and_damaged_bases(run: Run, base: Path, tmp_path: Path) -> None:
    run("unlearn", tmp_path / "nothing", *SEVEN).refused("no base model", "lorasteer train")
    pickled, cut = (shutil.copytree(base, tmp_path / name) for name in ("pickled", "cut"))
    torch.save(small_base().model.state_dict(), pickled / "model.safetensors")
    run("unlearn", pickled, *SEVEN).refused("pickle")
    (cut / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes()[:500])
    run("unlearn", cut, *SEVEN).refused("cut short")


def test_an_unwritable_folder_is_refused_before_the_work(run: Run, base: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run("unlearn", base, *SEVEN, "--out", tmp_path / "file" / "run").refused("cannot write into")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    run("unlearn", base, *SEVEN, "--out", tmp_path / "mine", "--overwrite").refused("notes.txt")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep me"
    assert not home.exists()


def test_a_store_that_fails_after_the_work_loses_nothing(
    run: Run, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **facts: object) -> None:
        raise StoreError("the disk is full.")

    monkeypatch.setattr(RunStore, "add", full)
    monkeypatch.chdir(tmp_path)
    mask = (*SEVEN, "--method", "logit-mask")
    run("unlearn", base, *mask).refused("the run is whole in run-", "the disk is full")
    (folder,) = tmp_path.glob("run-*")
    assert read_run(folder).iteration.plan.method == "logit-mask"
    run("unlearn", base, *mask, "--out", tmp_path / "mine").refused(f"the run is whole in {tmp_path / 'mine'}")
    assert len(list(tmp_path.glob("run-*"))) == 1
