"""How a call is refused: problem details (RFC 9457) with one clear line, the same that the command line prints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from lorasteer.errors import Interrupted, LorasteerError, SessionError
from lorasteer.records import Record
from lorasteer.web.engine.messages import Crashed, WorkError
from lorasteer.web.house import Stale
from lorasteer.web.security import Refusal
from lorasteer.web.security.answers import problem

MEDIA_TYPE = "application/problem+json"
_LONGEST = 60


class Flaw(Record):
    """One thing in a call that is not as it must be."""

    where: str
    """Which part of the call: `body.step.intensity`."""
    what: str
    """What is wrong with it."""


class Problem(Record):
    """Why a call was refused (RFC 9457)."""

    type: str
    """Kind of the problem, for programs: `urn:lorasteer:stale`, `urn:lorasteer:session`, `urn:lorasteer:request` …"""
    title: str
    """The status in words."""
    status: int
    """HTTP status."""
    detail: str
    """What was wrong, what came, what is allowed and what to do next, in one line."""
    flaws: tuple[Flaw, ...] | None = None
    """With a call that is not understood: everything that is wrong with it."""
    who: str | None = None
    """With a stale decision: who acted meanwhile."""
    what: str | None = None
    """With a stale decision: what they did."""
    when: str | None = None
    """With a stale decision: when, UTC, ISO 8601."""
    version: int | None = None
    """With a stale decision: the version now."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may refuse, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(api: FastAPI) -> None:
    """Answer every error of an app with a problem."""
    handlers: Mapping[Any, Any] = {
        Stale: _stale, Refusal: _refusal, LorasteerError: _known, RequestValidationError: _not_understood,
        ValidationError: _not_valid, 400: _plain, 404: _plain, 405: _plain, WorkError: _bug, Exception: _bug,
    }  # fmt: skip
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a response."""
    body = json.dumps(problem.model_dump(mode="json", exclude_none=True))  # ASCII: halves of characters may be among the text
    return Response(body, problem.status, headers, MEDIA_TYPE)


def kind_of(error: BaseException) -> str:
    """Kind of an error as a name for programs.

    Example:
        >>> kind_of(SessionError("x")), kind_of(RuntimeError("x"))
        ('urn:lorasteer:session', 'urn:lorasteer:runtime')
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    return f"urn:lorasteer:{words}"


def status_of(error: LorasteerError) -> int:
    """HTTP status of an error: 409 where it is not the time for it, 503 after a crash, 422 where something is not right."""
    if isinstance(error, Crashed):
        return 503
    return 409 if isinstance(error, SessionError | Interrupted) else 422


async def _known(request: Request, error: LorasteerError) -> Response:
    return answer(_problem(status_of(error), kind_of(error), str(error)))


async def _stale(request: Request, error: Stale) -> Response:
    latest = error.latest
    found = {"who": latest.actor, "what": latest.action, "when": latest.time, "version": error.version}
    return answer(_problem(409, kind_of(error), str(error)).model_copy(update=found))


async def _refusal(request: Request, error: Refusal) -> Response:
    return answer(Problem.model_validate(problem(error)), error.headers)


async def _not_understood(request: Request, error: RequestValidationError) -> Response:
    return answer(_flawed(error.errors(), "call"))


async def _not_valid(request: Request, error: ValidationError) -> Response:
    """Parts that are fine alone do not go together."""
    return answer(_flawed(error.errors(include_url=False), error.title))


async def _plain(request: Request, error: HTTPException) -> Response:
    line = f"{request.method} {request.url.path[:80]!r}: {error.detail}. See /api/openapi.json for what there is."
    return answer(_problem(error.status_code, "about:blank", line), error.headers)


async def _bug(request: Request, error: Exception) -> Response:
    """What nobody asked for. What it was stands in the server's own terminal, and is not for strangers."""
    line = f"this is a bug in lorasteer ({type(error).__name__}); the server goes on. Please report what it printed."
    return answer(_problem(500, "urn:lorasteer:bug", line))


def _problem(status: int, kind: str, line: str) -> Problem:
    return Problem(type=kind, title=HTTPStatus(status).phrase, status=status, detail=" ".join(line.split()))


def _flawed(errors: Sequence[Any], whole: str) -> Problem:
    flaws = tuple(Flaw(where=_place(error["loc"]) or whole, what=_what(error)) for error in errors[:20])
    first = flaws[0]
    line = f"{first.where}: {first.what}. See /api/openapi.json for what is allowed."
    return _problem(422, "urn:lorasteer:not-understood", line).model_copy(update={"flaws": flaws})


def _place(where: Sequence[object]) -> str:
    return ".".join(str(part)[:_LONGEST] for part in where)


def _what(error: Mapping[str, Any]) -> str:
    got = repr(error.get("input"))
    if error["type"] in ("missing", "json_invalid"):
        return str(error["msg"])
    return f"{error['msg']}, got {got if len(got) <= _LONGEST else got[:_LONGEST] + '…'}"
