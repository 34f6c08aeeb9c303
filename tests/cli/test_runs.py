"""Runs are listed, shown, compared, checked, removed, and the room they took is freed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lorasteer.store import RunStore
from lorasteer.store.index import NAME
from tests.cli.conftest import Run
from tests.support.kept import RUN, add, filled
from tests.support.kept import run as run_on

MASK = ("--forget", "7", "--method", "logit-mask")
OTHER = "20260102-000000-bbbbbb"


@pytest.fixture
def store(home: Path) -> RunStore:
    """A run of three iterations, the head moved back, and one of none."""
    kept = filled(home / "runs", name="my run")
    kept.move(RUN, head=2, state="reviewing", actor="me", action="undo", why="too strong")
    kept.begin(run_on(OTHER), actor="me")
    return kept


def test_from_the_first_to_the_last(run: Run, base: Path, home: Path) -> None:
    assert "No runs in" in run("runs").out
    assert not (home / "runs").exists()
    name = run("unlearn", base, *MASK, "--json").json["run"]["id"]
    for words in (("runs",), ("runs", "list")):
        assert name in run(*words).out
        assert "class 7" in run(*words).out
    assert run("runs", "show", name[-6:]).out.startswith("# Unlearning report: class 7")
    shown = run("runs", "show", name, "--json").json
    assert (shown["run"]["id"], shown["iteration"]["number"]) == (name, 1)
    assert shown["iterations"] == [shown["iteration"]]
    assert [event["action"] for event in shown["events"]] == ["begin", "unlearn"]
    assert run("runs", "verify").out.startswith("Clean")
    assert run("runs", "rm", name).out.startswith(f"Removed {name}.")
    assert run("runs", "list", "--json").json == []
    assert run("runs", "gc", "--json").json["removed"] == 1


def test_a_list_says_where_each_run_stands(run: Run, store: RunStore) -> None:
    out = run("runs").out
    (line,) = [line for line in out.splitlines() if RUN in line]
    for word in ("my run", "2 of 3", "class a", "lora-ihl", "33.33%"):
        assert word in line
    assert "the base is in force" in out
    newest, oldest = run("runs", "list", "--json").json
    assert (newest["head"], oldest["head"]["number"], oldest["iterations"]) == (None, 2, 3)


def test_a_damaged_run_is_listed_with_its_reason(run: Run, store: RunStore) -> None:
    connection = sqlite3.connect(store.root / NAME)
    connection.execute("UPDATE runs SET versions = '{' WHERE id = ?", (RUN,))
    connection.commit()
    connection.close()
    assert f"damaged: run {RUN} cannot be read" in run("runs").out
    assert run("runs", "list", "--json").json[1]["run"] is None
    run("runs", "show", RUN).refused("is damaged", "lorasteer runs rm")


class TestShow:
    def test_the_tree_then_the_report_of_the_head(self, run: Run, store: RunStore) -> None:
        out = run("runs", "show", RUN).out
        tree, report = out.split("# Unlearning report")
        lines = {line.split()[0]: line for line in tree.splitlines() if line.strip()[:1].isdigit()}
        assert sorted(lines) == ["1", "2", "3"]
        assert "2 *" in lines["2"]
        assert "base" in lines["1"]
        assert "iteration 2." in report

    def test_one_iteration_alone(self, run: Run, store: RunStore) -> None:
        out = run("runs", "show", f"{RUN}:3").out
        assert out.startswith("# Unlearning report")
        assert "iteration 3." in out

    def test_a_run_at_its_base(self, run: Run, store: RunStore) -> None:
        assert "iteration 0 is in force" in run("runs", "show", OTHER).out
        assert run("runs", "show", OTHER, "--json").json["iteration"] is None

    def test_the_log(self, run: Run, store: RunStore) -> None:
        lines = run("runs", "show", RUN, "--log").out.splitlines()
        (undo,) = [line for line in lines if "undo" in line]
        assert "too strong" in undo
        assert sum("continue" in line for line in lines) == 2

    def test_refusals(self, run: Run, store: RunStore) -> None:
        run("runs", "show", f"{RUN}:9").refused("no iteration 9", "Allowed: 1, 2, 3")
        run("runs", "show", f"{RUN}:two").refused("names no iteration", ":2")
        run("runs", "show", "x").refused("no run 'x'")


class TestCompare:
    def test_metric_by_metric(self, run: Run, store: RunStore) -> None:
        out = run("runs", "compare", f"{RUN}:1", f"{RUN}:3").out
        (line,) = [line for line in out.splitlines() if "forget test accuracy" in line]
        assert line.split()[-3:] == ["50.00%", "25.00%", "-25.00%"]
        found = run("runs", "compare", f"{RUN}:1", f"{RUN}:3", "--json").json
        assert found["differences"] == {"forget_test_accuracy": -0.25}
        assert (found["first"]["iteration"]["number"], found["second"]["iteration"]["number"]) == (1, 3)
        assert found["remarks"] == []

    def test_unlike_things_are_named(self, run: Run, store: RunStore) -> None:
        add(store, 1, run_id=OTHER, splits="other")
        out = run("runs", "compare", RUN, OTHER).out
        assert "- splits differ, so the numbers speak of different things." in out

    def test_what_was_not_measured(self, run: Run, store: RunStore) -> None:
        add(store, 4, evaluations=())
        run("runs", "compare", f"{RUN}:1", f"{RUN}:4").refused("iteration 4 was not measured")
        assert run("runs").code == 0


class TestVerify:
    def test_a_clean_store(self, run: Run, store: RunStore) -> None:
        done = run("runs", "verify")
        assert (done.code, done.out) == (0, "Clean: every log, record and number is as it was written.\n")
        assert run("runs", "verify", "--json").json == {"clean": True, "problems": [], "removable": []}

    def test_a_problem_ends_with_2(self, run: Run, store: RunStore) -> None:
        (path,) = [path for path in store.root.rglob("adapter_model.safetensors") if store.change(RUN, 1)][:1]
        path.write_bytes(path.read_bytes()[:-1] + b"\x00")
        done = run("runs", "verify")
        assert done.code == 2
        assert "was altered" in done.out
        assert done.out.endswith("Problems: 1.\n")
        found = run("runs", "verify", "--json")
        assert (found.code, found.json["clean"], len(found.json["problems"])) == (2, False, 1)

    def test_a_damaged_index_is_refused(self, run: Run, store: RunStore) -> None:
        (store.root / NAME).write_bytes(b"no database".ljust(9000, b"."))
        run("runs", "verify").refused(NAME, "Copy the whole folder", "backup")

    def test_what_no_run_needs_is_told_and_freed(self, run: Run, store: RunStore) -> None:
        store.remove(RUN)
        out = run("runs", "verify").out
        assert out.startswith("Clean")
        assert "6 folders that no run needs" in out
        assert "Removed 6 folders" in run("runs", "gc").out
        assert len(run("runs", "verify").out.splitlines()) == 1


def test_another_store(run: Run, base: Path, tmp_path: Path) -> None:
    run("unlearn", base, *MASK, "--store", tmp_path / "mine")
    assert len(run("runs", "list", "--store", tmp_path / "mine", "--json").json) == 1
    assert run("runs", "list", "--json").json == []
    run("runs", "show", "x", "--store", tmp_path / "mine").refused("no run 'x'")


def test_an_older_iteration_is_exported_by_its_number(run: Run, store: RunStore, tmp_path: Path) -> None:
    run("export", f"{RUN}:1", "--out", tmp_path / "first")
    run("export", RUN, "--out", tmp_path / "head")
    first, head = ((tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("first", "head"))
    assert first != head
    assert "iteration 1." in (tmp_path / "first" / "report.md").read_text()


def test_a_store_that_is_written_elsewhere_is_refused_before_the_work(run: Run, base: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run("unlearn", base, *MASK, "--store", tmp_path / "file").refused("cannot write into")
