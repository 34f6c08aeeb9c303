"""`lorasteer web` as a person starts it: says where, serves, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from lorasteer.tasks.base import save_base
from tests.support.digits import small_base
from tests.web.command import running, start
from tests.web.security.serving import KEY, until


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(small_base(), tmp_path_factory.mktemp("base"))


def group(process: subprocess.Popen[str]) -> set[int]:
    """Processes that are alive in the command's group."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            facts = (place / "stat").read_text().rpartition(")")[2].split()
            if int(facts[2]) == process.pid and facts[0] != "Z":
                found.add(int(place.name))
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes in /proc, which is not here")


def begun(client: httpx.Client, root: str) -> dict[str, object]:
    """A session on the small base, so that the process that works is there."""
    library = client.get(f"{root}/api/library").json()
    base = next(one["id"] for one in library["bases"] if one["model"] == "mlp")
    answer = client.post(f"{root}/api/sessions", json={"base": base}, headers={"authorization": f"Bearer {KEY}"})
    assert answer.status_code == 201, answer.text
    return answer.json()


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_it_serves_a_browser_and_leaves_no_process(tmp_path: Path, base: Path, how: signal.Signals) -> None:
    with running(tmp_path, base, "--port", 0, LORASTEER_TOKEN=KEY) as (process, url):
        root = url.partition("/?")[0]
        with httpx.Client(timeout=60, trust_env=False, follow_redirects=True) as client:
            page = client.get(url)
            assert page.status_code == 200
            assert "lorasteer" in page.text
            assert client.get(url).status_code == 200  # the cookie opens it from now on
            session = begun(client, root)
            assert client.get(f"{root}/session/{session['id']}").status_code == 200
        assert httpx.get(url, trust_env=False).status_code == 401  # the address opened one browser
        assert len(group(process)) >= 2
        process.send_signal(how)
        process.wait(20)
        until(lambda: not group(process), seconds=20)
        if how is signal.SIGINT:
            assert process.returncode == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""


def test_a_listener_does_not_keep_it_from_ending(tmp_path: Path, base: Path) -> None:
    with running(tmp_path, base, "--port", 0, LORASTEER_TOKEN=KEY) as (process, url):
        root = url.partition("/?")[0]
        with httpx.Client(timeout=60, trust_env=False, headers={"authorization": f"Bearer {KEY}"}) as client:
            session = begun(client, root)
            with client.stream("GET", f"{root}/api/sessions/{session['id']}/events") as answer:
                lines = answer.iter_lines()
                next(lines)
                process.send_signal(signal.SIGINT)
                list(lines)  # until the server ends it
        assert process.wait(20) == 0


def test_on_a_leash_it_ends_with_its_input(tmp_path: Path) -> None:
    with running(tmp_path, "--port", 0, "--until-input-ends") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


def refused(process: subprocess.Popen[str]) -> str:
    """The one line that a command which did not start printed."""
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1), err
    return err


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = refused(start(tmp_path, "--port", port))
        assert f"port {port} is taken" in line
        assert "--port" in line


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    assert "LORASTEER_TOKEN" in refused(start(tmp_path, "--host", "0.0.0.0", "--port", 0))
    assert "16" in refused(start(tmp_path, "--port", 0, LORASTEER_TOKEN="short"))


def test_a_host_that_is_not_here(tmp_path: Path) -> None:
    assert "192.0.2.1" in refused(start(tmp_path, "--host", "192.0.2.1", LORASTEER_TOKEN=KEY))
