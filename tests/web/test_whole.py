"""The whole house in a real browser: the command, the guard, the pages, the engine and the API together."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from lorasteer.tasks.base import save_base
from tests.support.digits import small_base
from tests.web.browser import opened
from tests.web.command import running
from tests.web.security.serving import KEY


@pytest.mark.slow
def test_from_the_command_to_numbers_and_back(browser: Browser, tmp_path: Path) -> None:
    base = save_base(small_base(), tmp_path / "base")
    with (
        running(tmp_path, base, "--port", 0, LORASTEER_TOKEN=KEY) as (_, url),
        opened(browser) as seen,
        httpx.Client(headers={"authorization": f"Bearer {KEY}", "x-actor": "Ada"}, trust_env=False, timeout=60) as api,
    ):
        page = seen.page
        page.goto(url)
        assert "token=" not in page.url  # it would stay in the history
        page.get_by_role("button", name="7", exact=True).click()
        page.get_by_role("button", name="Begin", exact=True).click()
        page.wait_for_url("**/session/*")
        expect(page.get_by_text("Since the base: forget accuracy fell").first).to_be_visible(timeout=60_000)

        root, run = page.url.split("/session/")
        here = f"{root}/api/sessions/{run}"
        version = api.get(here).json()["version"]
        undo = page.get_by_role("button", name="Undo").first
        expect(undo).to_be_enabled()
        moved = api.post(f"{here}/steps", json={"step": {"action": "undo"}, "version": version})
        assert moved.json()["head"] == 0, moved.text
        expect(page.get_by_text("Since the base: forget accuracy fell")).to_have_count(0)  # the page heard of it

        page.reload()
        expect(page.get_by_text("unlearn lora-ihl 0.5").first).to_be_visible()
