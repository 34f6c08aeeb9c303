"""What a session does arrives in the trackers' own files, and nothing is loaded for those who name none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lorasteer.errors import SessionError
from lorasteer.session.tracking import EVERY, check_tracker, tracked
from tests.support.errors import refuses
from tests.support.sessions import begin, events, quick

pytestmark = pytest.mark.filterwarnings(
    "ignore:::mlflow", "ignore:::tensorboard", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


def test_tensorboard_gets_events_measurements_and_losses(tmp_path: Path) -> None:
    session = begin(tmp_path)
    with tracked(session, ["tensorboard"], tmp_path / "tb"):
        made = session.start(quick())
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(tmp_path / "tb" / session.id))
    read.Reload()
    names = set(read.Tags()["scalars"])
    assert {"event/start", "event/finished", "session/head", "train/loss", "measured/forget_accuracy"} <= names
    (point,) = read.Scalars("measured/forget_accuracy")
    assert (point.step, point.value) == (1, pytest.approx(made.evaluations[-1].value("forget_accuracy")))
    assert [each.step for each in read.Scalars("event/finished")] == [3, 4]
    steps = made.change.training.steps
    assert [each.step for each in read.Scalars("train/loss")] == list(range(1, steps + 1, EVERY))
    assert session.listeners == []
    session.undo()  # after the block nothing more is sent, and nothing breaks
    assert len(events(session)) == 5


def test_mlflow_gets_the_same_into_local_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    session = begin(tmp_path)
    with tracked(session, ["mlflow"], tmp_path):
        made = session.start(quick())
    import mlflow

    client = mlflow.MlflowClient((tmp_path / "mlruns").as_uri())
    (experiment,) = [each for each in client.search_experiments() if each.name == "lorasteer"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params["base"] == session.bench.base.digest
    assert run.data.metrics["measured/forget_accuracy"] == pytest.approx(made.evaluations[-1].value("forget_accuracy"))
    assert run.data.metrics["session/head"] == 1
    assert run.info.status == "FINISHED"


def test_an_unknown_tracker_is_refused_with_the_known_ones() -> None:
    with refuses(SessionError, "'mlfow'", "Did you mean 'mlflow'?", "tensorboard"):
        check_tracker("mlfow")


def test_one_that_is_not_installed_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorasteer.session.tracking.find_spec", lambda name: None)
    with refuses(SessionError, "'wandb' is not installed", "pip install wandb"):
        check_tracker("wandb")


def test_nothing_is_loaded_unless_named() -> None:
    code = "import sys, lorasteer.session.tracking; assert not {'mlflow', 'tensorboard', 'wandb', 'trackio'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
