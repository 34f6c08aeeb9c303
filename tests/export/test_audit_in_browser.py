"""The report of an audit in a real browser: readable at both widths, in light and dark, and it asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from lorasteer.export.audit_report import Picture, audit_html
from tests.export.test_audit_report import record
from tests.web.browser import SIZES, axe, chromium, looked


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "audit.html"
    others = [(float(x), float(x * y % 7)) for x in range(7) for y in range(9)]
    path.write_text(audit_html(record(), [Picture("base", others[:9], others[9:]), Picture("lora-ihl", others[:9], others[9:])]))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("look", ["light", "dark"])
def test_it_is_readable_everywhere_and_asks_for_nothing(browser: Browser, page_file: Path, size: str, look: str) -> None:
    width, height = SIZES[size]
    facts: dict[str, Any] = {"viewport": {"width": width, "height": height}, "color_scheme": look, "bypass_csp": True}
    context = browser.new_context(**facts)
    try:
        page, asked, errors = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: errors.append(message.text))
        page.goto(page_file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width  # wide tables scroll by themselves
        assert page.evaluate("[...document.querySelectorAll('svg')].every(one => one.getBoundingClientRect().width > 0)")
        assert (asked, errors) == ([page_file.as_uri()], [])
        assert axe(page) == []
        looked(page, "audit")
    finally:
        context.close()
