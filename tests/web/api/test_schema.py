"""Calls that schemathesis makes up from the API's description: none breaks the server, no answer breaks the description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lorasteer.web.api import described
from tests.web.api.site import START, Site, Steered, begin
from tests.web.security.serving import KEY

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
EXAMPLES = 12
"""Calls made up for each operation."""
AUTHORISED = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def known(site: Site, forgotten: Steered) -> Iterator[Steered]:
    """A session that the calls are about, or nearly all would find none."""
    with site.client() as client:
        session = begin(site, client, "made up")
        session.do(START)
        yield session


schema = schemathesis.openapi.from_dict(described().openapi()).exclude(path_regex="/events$")  # a stream that does not end


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_made_up_calls(case: schemathesis.Case, site: Site, known: Steered, forgotten: Steered) -> None:
    if "run" in case.path_parameters and case.method != "DELETE":
        case.path_parameters["run"] = forgotten.id if case.method == "GET" else known.id
    if isinstance(case.body, dict):
        _make_likely(case.body, known)
    case.call_and_validate(f"http://127.0.0.1:{site.port}/api", checks=CHECKS, headers=AUTHORISED)


def _make_likely(body: dict[str, Any], known: Steered) -> None:
    """Of calls made up at random nearly all would be outdated; and one must not close the session, or work for hours."""
    if isinstance(body.get("version"), int):
        body["version"] = known.view["version"]
    if isinstance(body.get("step"), dict) and body["step"].get("action") == "stop":
        body["step"]["action"] = "go"
    if isinstance(body.get("request"), dict):
        body |= {"seconds": 0.2, "tries": 1}
