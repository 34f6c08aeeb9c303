"""The demonstration on text, whole: it forgets, compares, writes, exports, and says what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lorasteer.errors import RequestError
from lorasteer.session import text_demo
from lorasteer.session.demo import PARTS
from lorasteer.session.text_demo import LABELS, TextDemo, one_thread
from tests.cli.conftest import Run, run  # noqa: F401 - a fixture
from tests.support.errors import refuses


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_demo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    made = text_demo.text_demo(tmp_path / "demo")
    check(made)
    assert {path.name for path in (tmp_path / "demo").iterdir()} == set(PARTS)
    monkeypatch.setattr(text_demo, "text_demo", lambda *args, **more: made)  # what the commands say of it
    done = run("demo", "--task", "language", "--out", tmp_path / "demo")
    assert (done.code, done.err) == (0, "")
    assert "forgotten: Nilo Gildas (5 of 100 examples)" in done.out
    assert "after LoRA+IHL" in done.out
    following = [line.split() for line in done.out.splitlines() if line.startswith("  lorasteer ")]
    assert [line[1] for line in following] == ["unlearn", "evaluate", "export"]
    found = run("demo", "--task", "language", "--out", tmp_path / "demo", "--json").json
    assert len(found["written"]) == len(made.written) == 5
    assert found["difference"] == made.difference


def test_one_thread_works_and_the_others_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
        monkeypatch.setattr(text_demo, "load_text", lambda name: pytest.fail(f"{torch.get_num_threads()} threads"))
        with pytest.raises(pytest.fail.Exception, match="1 threads"):
            text_demo.text_demo(Path("nowhere"))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def check(made: TextDemo) -> None:
    """The base knows everything; every method and every retrained model lacks the five facts; what is kept, keeps the rest."""
    assert [one.subject for one in made.evaluations] == [
        "baseline", "retrained (seed 1000)", "retrained (seed 1001)", *LABELS.values()
    ]  # fmt: skip
    forgotten = [one.value("forget_probability") or 0.0 for one in made.evaluations]
    assert forgotten[0] > 0.9
    assert max(forgotten[1:]) < 0.4
    kept = [one.value("retain_probability") or 0.0 for one in made.evaluations]
    assert kept[-1] > 0.95 * kept[0]
    assert all(one.base == one.right for one in made.written)
    assert sum(one.now == one.right for one in made.written) <= 1
    assert made.difference < 1e-4


def test_nobody_of_that_name(tmp_path: Path) -> None:
    with refuses(RequestError, "unknown person 'Nilo Gilda'", "Did you mean 'Nilo Gildas'?"):
        text_demo.text_demo(tmp_path / "demo", forget="Nilo Gilda")
    assert not (tmp_path / "demo").exists()


def test_no_such_task(run: Run) -> None:  # noqa: F811
    run("demo", "--task", "langauge").refused("unknown task 'langauge'", "Did you mean 'language'?")
