"""`session.view()`: the workbench takes the session over, and gives it back."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import numpy as np
import pytest

from lorasteer.errors import SessionError, StoreError
from lorasteer.records import Request, Target
from lorasteer.session import Session, Workbench
from lorasteer.store import RunStore
from lorasteer.tasks.vision.data import ImageData
from tests.support.digits import digits, small_base
from tests.web.security.serving import KEY


@pytest.fixture(autouse=True)
def _own_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORASTEER_TOKEN", KEY)
    for name in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.slow
def test_a_session_is_handed_over_and_taken_back(tmp_path: Path) -> None:
    bench, store = Workbench(small_base(), digits(), tmp_path / "cache"), RunStore(tmp_path / "store")
    session = Session.begin(bench, store)
    session.start(Request(target=Target(classes=("7",)), settings={"epochs": 1}))
    shown = session.view()
    try:
        root = shown.url.partition("/session")[0]
        assert f'href="{shown.url}"' in shown._repr_html_()
        with httpx.Client(base_url=root, headers={"authorization": f"Bearer {KEY}"}, trust_env=False, timeout=60) as client:
            here = f"/api/sessions/{session.id}"
            view = client.get(here).json()
            assert (view["head"], view["state"]) == (1, "reviewing")
            answer = client.post(f"{here}/steps", json={"step": {"action": "go", "number": 0}, "version": view["version"]})
            assert answer.status_code == 200, answer.text
        with pytest.raises(StoreError, match="is being written to by process"):
            Session.open(bench, store, session.id)
    finally:
        shown.close()
    assert "closed" in repr(shown)
    assert not re.search("href", shown._repr_html_())
    with Session.open(bench, store, shown.run) as again:
        assert again.head == 0


def test_a_session_at_work_is_not_handed_over(tmp_path: Path) -> None:
    with Session.begin(Workbench(small_base(), digits()), RunStore(tmp_path / "store")) as session:
        seen = []

        def during(event: object) -> None:
            if session.state == "unlearning" and not seen:
                with pytest.raises(SessionError, match="is unlearning; interrupt it or wait") as refusal:
                    session.view()
                seen.append(refusal)

        session.listeners.append(during)
        session.start(Request(target=Target(classes=("7",)), settings={"epochs": 1}))
    assert seen


@pytest.mark.slow
def test_data_that_only_this_process_has_is_refused(tmp_path: Path) -> None:
    whole = digits()
    data = ImageData("of my own", whole.classes, whole.train, whole.test)
    store = RunStore(tmp_path / "store")
    session = Session.begin(Workbench(small_base(), data), store)
    with pytest.raises(SessionError, match="cannot open the session") as refusal:
        session.view()
    assert "of my own" in str(refusal.value)
    assert np.array_equal(data.train.labels, whole.train.labels)
    with Session.open(Workbench(small_base(), data), store, session.id):
        pass
