"""What is refused: in one clear line, with the right status, and nothing else happens."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path

import httpx
import pytest

from lorasteer.web.security import RateLimit
from tests.web.api.site import START, Site, Steered, begin, ok, refused, served
from tests.web.security.serving import until

IDS = [
    "%2e%2e",
    "%2e%2e%2fetc",
    "%252e%252e",
    "..%5c..",
    "a%00b",
    "%E2%80%A6",
    "A" * 65,
    "nobody' OR 1=1",
    "20990101-000000-ffffff",
]


@pytest.mark.parametrize("name", IDS)
def test_a_name_that_is_no_session_finds_nothing(client: httpx.Client, name: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/interrupt"), ("GET", "/events"), ("GET", "/map")):
        answer = client.request(method, f"/sessions/{name}{path}")
        assert answer.status_code in (400, 404), (method, path, answer.text)
        refused(answer, answer.status_code)


@pytest.mark.parametrize("name", IDS)
def test_a_name_that_is_no_file_finds_nothing(client: httpx.Client, name: str) -> None:
    for method, path in (("GET", "/exports"), ("DELETE", "/uploads")):
        answer = client.request(method, f"{path}/{name}")
        assert answer.status_code in (400, 404), (method, path, answer.text)


def test_there_is_no_such_address_or_method(client: httpx.Client) -> None:
    refused(client.get("/nothing"), 404, "/api/nothing", "/api/openapi.json")
    refused(client.put("/library"), 405, "PUT")


def test_no_pages_that_load_scripts_from_elsewhere(client: httpx.Client) -> None:
    for path in ("/docs", "/redoc"):
        refused(client.get(path), 404)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"x"',
        b"[" * 50_000,
        b'{"base": NaN}',
        b'{"base": "\\ud800"}',
        b"\xff\xfe",
        b'{"base": "x", "more": 1}',
    ],
    ids=range(9),
)
def test_bodies_that_are_none(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/sessions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    refused(answer, answer.status_code)


@pytest.mark.parametrize("strength", ["nan", "inf", "-1", "1.51", "x", ""])
def test_strengths_that_are_none(forgotten: Steered, strength: str) -> None:
    refused(forgotten.client.get(f"{forgotten.here}/dial", params={"strength": strength}), 422, "strength")


def test_numbers_that_are_none(forgotten: Steered) -> None:
    client, here = forgotten.client, forgotten.here
    refused(client.get(f"{here}/iterations/77"), 409, "77")
    refused(client.get(f"{here}/iterations/1", params={"before": 77}), 409, "77")
    refused(client.get(f"{here}/examples/999999"), 422, "999999", "allowed are 0 to")
    refused(client.get(f"{here}/examples/0/image", params={"part": "../train"}), 422, "part")
    refused(client.post(f"{here}/exports", json={"number": 77}), 409, "77")
    refused(client.get(f"{here}/iterations/{10**30}"), 422)


def test_every_flaw_of_a_call_is_told(client: httpx.Client, session: Steered) -> None:
    body = {"step": {"action": "start", "intensity": 7, "seed": -1}, "version": "x"}
    problem = refused(client.post(f"{session.here}/steps", json=body), 422)
    assert {flaw["where"].split(".")[-1] for flaw in problem["flaws"]} == {"intensity", "seed", "version"}


def test_without_a_token_nothing_is_told(site: Site) -> None:
    for path in ("/library", "/openapi.json", "/nothing"):
        answer = httpx.get(f"http://127.0.0.1:{site.port}/api{path}", trust_env=False)
        refused(answer, 401, "Bearer")


def test_the_description_is_whole(client: httpx.Client) -> None:
    whole = ok(client.get("/openapi.json"))
    text = json.dumps(whole)
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= set(whole["components"]["schemas"])
    assert "Problem" in used
    for path, methods in whole["paths"].items():
        for method, call in methods.items():
            assert call["description"], (method, path)
    for name, schema in whole["components"]["schemas"].items():
        assert name == "JsonValue" or schema.get("description"), name
        undescribed = [key for key, field in schema.get("properties", {}).items() if not field.get("description")]
        assert undescribed in ([], ["action"]), (name, undescribed)


def test_too_many_starts_are_told_when_to_come_again(tmp_path: Path, base: Path) -> None:
    with served(tmp_path, base, starts=RateLimit(per_minute=1, burst=2)) as site, site.client() as client:
        session = begin(site, client)
        ok(session.post(START))
        answer = session.post(START)
        refused(answer, 429, "Try again in")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        session.settled()
        ok(session.post({"action": "go", "number": 0}))  # what costs nothing is not counted


@pytest.mark.slow
def test_after_a_crash_it_says_so_and_goes_on(tmp_path: Path, base: Path) -> None:
    others = {child.pid for child in multiprocessing.active_children()}
    with served(tmp_path, base) as site, site.client() as client:
        session = begin(site, client)
        kept = session.do(START)
        (worker,) = {child.pid for child in multiprocessing.active_children()} - others
        assert worker
        os.kill(worker, signal.SIGKILL)
        until(lambda: session.view["allowed"] == [])
        problem = refused(session.post({"action": "go", "number": 0}), 503, "restart")
        assert problem["type"] == "urn:lorasteer:crashed"
        again = ok(client.post(f"{session.here}/restart"))
        assert (again["state"], again["head"]) == ("reviewing", 1)
        assert again["findings"]["rows"] == kept["findings"]["rows"]
        assert session.do({"action": "continue"})["head"] == 2
