"""A whole session over HTTP alone: begin, look, forget, judge, dial, keep, go back, ask again, take away, stop."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from peft import PeftModel
from PIL import Image

from lorasteer.tasks.vision.classifier import inputs_for, load_base
from tests.support.digits import digits
from tests.web.api.site import START, Site, Steered, begin, ok


def values(findings: dict[str, Any]) -> list[float | None]:
    return [row["value"] for row in findings["rows"]]


def test_whole_cycle(site: Site, client: httpx.Client, tmp_path: Path, base: Path) -> None:
    session = begin(site, client, "sevens")
    view = session.view
    assert (view["state"], view["head"], view["name"]) == ("idle", 0, "sevens")
    assert "start" in view["allowed"]
    preview = ok(client.post(f"{session.here}/preview", json={"step": START}))
    assert 0 < preview["forget"] <= view["data"]["counts"][7]
    assert session.view == view  # looking changes nothing

    begun = ok(session.post(START))
    assert begun["state"] == "unlearning"
    assert begun["last"]["action"] == "start"
    forgot = session.settled()
    assert (forgot["state"], forgot["head"], len(forgot["nodes"])) == ("reviewing", 1, 2)
    assert forgot["nodes"][1]["forgotten"] < 0.5

    findings = ok(client.get(f"{session.here}/iterations/1", params={"before": 0}))
    assert findings["rows"] == forgot["findings"]["rows"]
    dialled = ok(client.get(f"{session.here}/dial", params={"strength": 0.5}))
    assert dialled["strength"] == 0.5
    assert session.view["version"] == forgot["version"]
    kept = session.do({"action": "commit", "strength": 0.5, "why": "enough"})
    assert (kept["head"], kept["nodes"][2]["strength"]) == (2, 0.5)
    assert values(kept["findings"]) == values(dialled)

    back = session.do({"action": "undo"})
    assert back["head"] == 1
    assert back["findings"]["rows"] == forgot["findings"]["rows"]
    stronger = session.do({"action": "adjust", "intensity": 0.9})
    assert stronger["head"] == 3
    assert session.do({"action": "go", "number": 0})["head"] == 0
    session.do({"action": "go", "number": 1})
    _take_away(session, tmp_path, base)
    assert session.do({"action": "stop"})["state"] == "closed"
    assert ok(client.get(session.here))["allowed"] == []


def _take_away(session: Steered, folder: Path, base: Path) -> None:
    """The adapter that is downloaded loads with stock PEFT and changes what the base says."""
    made = ok(session.client.post(f"{session.here}/exports", json={"number": 1}), 201)
    answer = session.client.get(f"/exports/{made['id']}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert len(answer.content) == made["bytes"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(folder)
    adapter = next(folder.rglob("adapter_config.json")).parent
    sevens = np.flatnonzero(digits().test.labels == 7)
    pixels = inputs_for(load_base(base), digits()).batch("test", sevens)
    with torch.no_grad():
        before = load_base(base).model.eval()(pixels)
        after = PeftModel.from_pretrained(load_base(base).model, str(adapter)).eval()(pixels)
    assert (before.argmax(1) == 7).float().mean() > 0.8
    assert (after.argmax(1) == 7).float().mean() < 0.5


def test_examples_are_found_and_seen(forgotten: Steered) -> None:
    client, here = forgotten.client, forgotten.here
    found = ok(client.get(f"{here}/examples", params={"text": "7", "limit": 5}))
    assert len(found) == 5
    one = ok(client.get(f"{here}/examples/{found[0]['index']}"))
    assert one["before"] == "7"
    assert 0 <= one["sure_after"] <= 1
    picture = client.get(f"{here}/examples/{found[0]['index']}/image")
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (8, 8)


def test_the_map_may_be_asked_for_at_any_time(forgotten: Steered) -> None:
    now = ok(forgotten.client.get(f"{forgotten.here}/map"))
    assert set(now) == {"points", "frame"}
    assert isinstance(ok(forgotten.client.get(f"{forgotten.here}/iterations/1/map")), list)


def test_the_report_is_an_attachment(forgotten: Steered) -> None:
    made = ok(forgotten.client.post(f"{forgotten.here}/exports", json={"number": 1, "kind": "report"}), 201)
    answer = forgotten.client.get(f"/exports/{made['id']}")
    assert "7" in answer.text
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_goal_is_sought(session: Steered) -> None:
    request = {"target": {"classes": ["3"]}, "settings": {"epochs": 1}}
    wanted = {"request": request, "goal": {"forget_at_most": 0.9}, "tries": 1, "version": session.view["version"]}
    ok(session.client.post(f"{session.here}/seek", json=wanted))
    assert session.settled()["head"] >= 1


def test_a_session_is_put_aside_and_brought_back(site: Site, client: httpx.Client, session: Steered) -> None:
    def listed() -> set[str]:
        return {run["id"] for run in ok(client.get("/library"))["runs"]}

    assert session.id in listed()
    ok(client.delete(session.here), 204)
    assert session.id not in listed()
    ok(client.post(f"{session.here}/restore"), 204)
    assert session.id in listed()
