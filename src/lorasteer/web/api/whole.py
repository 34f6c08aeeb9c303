"""The whole API as one app, with its description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from lorasteer.store import versions
from lorasteer.web.api import events, examples, exports, library, maps, numbers, sessions, uploads
from lorasteer.web.api.problems import Problem, install, refusals
from lorasteer.web.api.reception import Reception

SUMMARY = "Say what a trained model must forget; see what went and what stayed."
DESCRIPTION = """Everything the workbench can do, for programs.

Every call needs your token: `Authorization: Bearer <token>`, the one in LORASTEER_TOKEN when the workbench was started.
A decision names the `version` of the session it is based on; when somebody else has decided something meanwhile, it is refused
with 409 and says who, what and when. With an `Idempotency-Key` a call can be repeated safely. Refusals are problem details
(RFC 9457) with one clear line in `detail`."""
TAGS = [
    {"name": "library", "description": "What there is."},
    {"name": "sessions", "description": "Begin, look, decide, interrupt, put aside."},
    {"name": "events", "description": "Be told instead of asking."},
    {"name": "numbers", "description": "Measurements, the strength dial, and what a request would do."},
    {"name": "examples", "description": "Training examples and their pictures."},
    {"name": "map", "description": "The map of examples, and how it moved."},
    {"name": "exports", "description": "Adapters, merged models and reports."},
    {"name": "uploads", "description": "Files of your own."},
]
_BEARER = HTTPBearer(auto_error=False, description="Your token: the one in LORASTEER_TOKEN.")
_COOKIE = APIKeyCookie(
    name="lorasteer-<port>", auto_error=False, description="What a browser got for the address it was opened by."
)


def make_api(reception: Reception) -> FastAPI:
    """The API; to be mounted at `/api` of an app that `security.protect` guards.

    Args:
        reception: What it is served from.
    """
    api = described()
    api.state.reception = reception
    return api


def described() -> FastAPI:
    """The API with nothing behind it, for its description.

    It shows no pages of its own: those that FastAPI makes would load scripts from elsewhere.
    """
    api = FastAPI(
        title="lorasteer", summary=SUMMARY, description=DESCRIPTION,
        version=versions()["lorasteer"], openapi_tags=TAGS, openapi_url="/openapi.json", docs_url=None, redoc_url=None,
        separate_input_output_schemas=False, responses=refusals(400, 401, 403, 413, 422),
        dependencies=[Security(_BEARER), Security(_COOKIE)],
    )  # fmt: skip
    for part in (library, sessions, events, numbers, examples, maps, exports, uploads):
        api.include_router(part.router)
    install(api)
    _describe_problems(api)
    return api


def _describe_problems(api: FastAPI) -> None:
    """Put the form of problems into the description; routes only point to it."""
    build = api.openapi

    def with_problems() -> dict[str, Any]:
        whole = build()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        known = whole.setdefault("components", {}).setdefault("schemas", {})
        known |= schema.pop("$defs", {}) | {"Problem": schema}
        return whole

    api.openapi = with_problems  # type: ignore[method-assign]
