"""Decisions: on the newest version or not at all, once for a key, and by whoever says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.web.api.site import START, Site, Steered, begin, ok, refused


def test_an_outdated_decision_names_who_did_what_when(session: Steered) -> None:
    first = session.view["version"]
    ok(session.post(START | {"settings": {"epochs": 1}}, **{"x-actor": "Ada"}))
    view = session.settled()
    ok(session.post({"action": "go", "number": 0}, view["version"], **{"x-actor": "Gr%C3%A4fin"}))
    problem = refused(session.post({"action": "stop"}, first), 409, "Gräfin", "go", str(first))
    assert problem["type"] == "urn:lorasteer:stale"
    assert (problem["who"], problem["what"], problem["version"]) == ("Gräfin", "go", session.view["version"])
    assert problem["when"] == session.view["last"]["time"]
    assert session.view["state"] == "reviewing"


def test_of_two_who_decide_at_once_one_wins(session: Steered) -> None:
    version = session.view["version"]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda who: session.post(START, version, **{"x-actor": who}), ["Ada", "Ben"]))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    winner, loser = sorted(answers, key=lambda answer: answer.status_code)
    assert refused(loser, 409)["who"] == winner.json()["last"]["actor"]
    assert len(session.settled()["nodes"]) == 2


def test_the_same_key_does_nothing_twice(session: Steered) -> None:
    version, key = session.view["version"], {"idempotency-key": "click"}
    first, again = ok(session.post(START, version, **key)), ok(session.post(START, version, **key))
    assert first["version"] == again["version"]
    assert len(session.settled()["nodes"]) == 2
    late = ok(session.post(START, version, **key))
    assert (late["version"], len(late["nodes"])) == (session.view["version"], 2)


def test_a_session_is_begun_once_for_a_key(site: Site, client: httpx.Client) -> None:
    base = ok(client.get("/library"))["bases"][0]["id"]
    key = {"idempotency-key": "begin-once"}
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda name: client.post("/sessions", json={"base": base, "name": name}, headers=key), ["x", "x"])
        )
    assert len({ok(answer, 201)["id"] for answer in answers}) == 1
    other = client.post("/sessions", json={"base": base, "name": "y"}, headers=key)
    refused(other, 422, "begin-once", "new key")


def test_what_failed_may_be_tried_again_with_its_key(client: httpx.Client) -> None:
    key = {"idempotency-key": "fails"}
    for _ in range(2):
        refused(client.post("/sessions", json={"base": "none"}, headers=key), 422, "none")


def test_a_training_is_interrupted_and_keeps_what_it_made(session: Steered) -> None:
    ok(session.post(START | {"settings": {"epochs": 1000, "stop_at": None}}))
    ok(session.client.post(f"{session.here}/interrupt", headers={"x-actor": "Ada"}))
    view = session.settled()
    assert (view["state"], view["head"]) == ("reviewing", 1)


def test_it_is_not_always_the_time(session: Steered) -> None:
    refused(session.post({"action": "continue"}), 409, "cannot continue now", "Possible now: start")
    refused(session.client.post(f"{session.here}/interrupt"), 409, "cannot interrupt now")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"action": "start", "forget": "eleven"}, ["unknown class 'eleven'"]),
        ({"action": "start", "forget": "7", "ids": ["a"]}, ["named by forget and ids"]),
        ({"action": "start", "forget": []}, ["exactly one of"]),
        ({"action": "start", "ids_file": "/etc/passwd"}, ["ids_file", "Send the ids"]),
        ({"action": "start", "forget": "7", "method": "magic"}, ["magic"]),
        ({"action": "start", "forget": "7", "intensity": 7}, ["intensity", "less than or equal to 1", "got 7"]),
        ({"action": "start", "forget": "7", "settings": {"epochs": -1}}, ["epochs"]),
        ({"action": "export", "folder": "/tmp/x"}, ["action"]),
        ({"action": "explode"}, ["explode"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else " ".join(map(str, value.values()))[:30],
)
def test_what_is_not_understood_is_refused_and_changes_nothing(session: Steered, step: dict[str, Any], words: list[str]) -> None:
    before = session.view
    refused(session.post(step), 422, *words)
    assert session.view["version"] == before["version"]


def test_a_goal_cannot_read_files_of_the_server(session: Steered) -> None:
    request = {"target": {"ids_file": "/etc/passwd"}}
    wanted = {"request": request, "version": session.view["version"]}
    refused(session.client.post(f"{session.here}/seek", json=wanted), 422, "ids_file")


def test_names_come_back_as_they_were_sent(site: Site, client: httpx.Client) -> None:
    name = "<img src=x onerror=alert(1)> \u202e\u0000 ' OR 1=1 --"
    session = begin(site, client, name)
    answer = client.get(session.here)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["name"] == name
    ok(session.post({"action": "stop", "why": name}, **{"x-actor": "%3Cb%3Eme%0A%00%3C%2Fb%3E"}))
    assert session.view["last"] == session.view["last"] | {"actor": "<b>me </b>", "why": name}
