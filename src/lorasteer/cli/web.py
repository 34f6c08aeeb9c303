"""`lorasteer web`: the workbench in the browser."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from lorasteer.cli import options, show
from lorasteer.errors import SessionError

DEMO = Path("lorasteer-demo")
"""Where `lorasteer demo` puts everything."""
STORE = "sessions"
"""Folder beside a demonstration's base for the sessions of the workbench on it."""
_CLOSED = "Closed. Sessions are kept; go on with them by the same command."


def web(
    bases: Annotated[
        list[Path] | None,
        typer.Argument(metavar="BASE", help="Folders of base models; those of kept runs are known.", show_default=False),
    ] = None,
    store: options.Store = None,
    cache: options.Cache = None,
    data: options.Data = None,
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="What to listen on; other than 127.0.0.1 needs LORASTEER_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65_535, help="Port to listen on, 0 for any; 8421 or the next free one when left out."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Begin on handwritten digits; goes on with what `lorasteer demo` made.")
    ] = False,
    session: Annotated[str, typer.Option("--session", metavar="RUN", help="Open at this run.")] = "",
    until_input_ends: Annotated[
        bool, typer.Option("--until-input-ends", help="End when the standard input does; for programs that start it.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the address as a JSON document in one line.")] = False,
) -> None:
    """Open the workbench in the browser: say what to forget, watch it go, undo, keep. Ctrl-C ends it; sessions are kept.

    Example:
        lorasteer web --demo
        lorasteer web digits-base
        LORASTEER_TOKEN=... lorasteer web --host 0.0.0.0 --port 8421 --no-browser
    """
    places = _demonstration(DEMO) if demo else {}
    named = {"bases": tuple(bases or ()), "store": store, "cache": cache}
    places |= {name: place for name, place in named.items() if place}
    how = {"data": data, "host": host, "port": port, "session": session, "leashed": until_input_ends}
    serve(_as_json if json else _in_words, **places, **how, browser=not no_browser, begin=demo)
    if not json:
        show.say(_CLOSED)


def serve(tell: Callable[[str, int], None], **wanted: Any) -> None:
    """Serve the workbench until Ctrl-C.

    Args:
        tell: Told the address and the port.
        wanted: What `lorasteer.web.serve.Serving` takes.
    """
    room = _serving()
    room.serve(room.Serving(**wanted), tell)


def serve_demonstration(folder: Path) -> None:
    """Serve the workbench on what `lorasteer demo` made, until Ctrl-C."""
    serve(_in_words, **_demonstration(folder), begin=True)
    show.say(_CLOSED)


def _demonstration(folder: Path) -> dict[str, Any]:
    """Base, store and cache of a demonstration; without a base yet, the workbench trains its own."""
    base = folder / "base"
    bases = (base,) if (base / "base.json").is_file() else ()
    return {"bases": bases, "store": folder / STORE, "cache": folder / "cache"}


def _serving() -> Any:
    """The room that serves. Command line and web do not know each other, so it is found by name, and only when needed."""
    try:
        return import_module("lorasteer.web.serve")
    except ModuleNotFoundError as error:
        if str(error.name).startswith("lorasteer"):
            raise
        raise SessionError(
            f"the workbench needs {error.name!r}, which is not installed: pip install 'lorasteer[web]'."
        ) from error


def _in_words(url: str, port: int) -> None:
    show.say(f"Workbench: {url}")
    show.say("The address opens one browser, once. Enter prints a fresh one, Ctrl-C ends.")


def _as_json(url: str, port: int) -> None:
    show.line({"url": url, "port": port})
