"""`view(session)`: the workbench on a session of a notebook or a script, in a process of its own."""

from __future__ import annotations

import html
import json
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import weakref
from pathlib import Path
from typing import IO, Any

from lorasteer.errors import SessionError
from lorasteer.session import Session
from lorasteer.session.states import BUSY
from lorasteer.tasks.base import save_base
from lorasteer.web.engine.sheets import images_of
from lorasteer.web.security.tokens import VARIABLE

_START = "from lorasteer.cli import main; main()"
_PATIENCE = 10


class Viewed:
    """A workbench that is open on a session. It ends with `close`, or with this program.

    In a notebook it shows a link. It is not drawn inside of the notebook, because the workbench lets no page frame it.

    Attributes:
        run: Id of the session, to open it again with `Session.open` afterwards.
        url: Opens one browser, once.
        close: Ends it.
    """

    def __init__(self, run: str, url: str, process: subprocess.Popen[str]) -> None:
        self.run, self.url = run, url
        self.close = weakref.finalize(self, _end, process)

    def __repr__(self) -> str:
        return f"workbench of session {self.run}: {self.url if self.close.alive else 'closed'}"

    def _repr_html_(self) -> str:
        if not self.close.alive:
            return html.escape(repr(self))
        words = html.escape(f"Open the workbench of session {self.run}")
        return f'<a href="{html.escape(self.url)}" target="_blank" rel="noreferrer">{words}</a>'


def view(session: Session) -> Viewed:
    """Hand a session over to a workbench in the browser.

    The session here is closed first: the workbench takes its right to write. `Session.open` takes it back after `close`.

    Args:
        session: An open session whose base and data another process can load.

    Raises:
        SessionError: It is at work, it works on a language model, or the workbench cannot open it.
    """
    images_of(session)
    if session.state in BUSY:
        raise SessionError(f"session {session.id} is {session.state}; interrupt it or wait, then view it.")
    folder = _base_folder(session)
    words = ["web", folder, "--store", session.store.root, "--session", session.id, "--data", session.bench.data.name]
    cache = ["--cache", session.bench.cache] if session.bench.cache else []
    session.close()
    return _opened(session.id, [str(word) for word in (*words, *cache)])


def _base_folder(session: Session) -> Path:
    """Where the base lies; one that lies nowhere is written beside the runs first."""
    recorded = session.store.load(session.id).base_folder
    if recorded and (Path(recorded) / "base.json").is_file():
        return Path(recorded)
    folder = session.store.root / "bases" / session.bench.base.digest[:16]
    return folder if (folder / "base.json").is_file() else save_base(session.bench.base, folder)


def _opened(run: str, words: list[str]) -> Viewed:
    """Start the workbench, wait for its address, and see that it opens the session."""
    token = os.environ.get(VARIABLE) or secrets.token_urlsafe()
    command = [sys.executable, "-c", _START, *words, "--port", "0", "--no-browser", "--json", "--until-input-ends"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, VARIABLE: token}
        )
        try:
            said = _first_line(process, log)
            _check(run, said["port"], token)
        except BaseException:
            _end(process)
            raise
    return Viewed(run, said["url"], process)


def _first_line(process: subprocess.Popen[str], log: IO[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if line:
        said: dict[str, Any] = json.loads(line)
        return said
    process.wait()
    log.seek(0)
    reason = (log.read().strip().splitlines() or ["it said nothing"])[-1].removeprefix("lorasteer: ")
    raise SessionError(f"the workbench did not start: {reason} The session is closed here; open it again with Session.open.")


def _check(run: str, port: int, token: str) -> None:
    """See that the workbench can open the session, and give its own words where it cannot."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/api/sessions/{run}", headers={"Authorization": f"Bearer {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(asked):
            return
    except urllib.error.HTTPError as error:
        with error:
            reason = json.load(error)["detail"]
    raise SessionError(f"the workbench cannot open the session: {reason} It is closed here; open it again with Session.open.")


def _end(process: subprocess.Popen[str]) -> None:
    """End the workbench: it hears the end of its input."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
