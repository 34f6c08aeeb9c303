"""Library, comparison and export in a real browser: what a person does there, in both looks, by mouse and by keyboard."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from lorasteer.tasks.base import save_base
from tests.support.digits import small_base
from tests.web.browser import Server, Watched, axe, looked, opened, serve
from tests.web.looks.serve import paper

Scheme = Literal["light", "dark"]
WATCH = """
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift = (window.shift || 0) + one.value;
}).observe({type: 'layout-shift', buffered: true});
"""
PAGES = {"library": "/", "compare": "/session/r1/compare?iterations=0,1,2,3", "export": "/session/r1/export"}


@pytest.fixture(scope="module")
def many() -> Iterator[Server]:
    with serve(paper, sessions=12) as found:
        yield found


@pytest.fixture(scope="module")
def empty() -> Iterator[Server]:
    with serve(paper, sessions=0, slow=2.0) as found:
        yield found


def sees(page: Page, server: Server, path: str) -> None:
    """Open a page and wait until it is alive."""
    page.goto(server.url + path)
    page.wait_for_function("window.did_handshake && document.documentElement.dataset.look")
    expect(page.get_by_role("main")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_grave_fault_of_access(browser: Browser, server: Server, name: str, scheme: Scheme) -> None:
    with opened(browser, color_scheme=scheme) as watched:
        sees(watched.page, server, PAGES[name])
        expect(watched.page.locator("html")).to_have_attribute("data-look", scheme)
        assert axe(watched.page) == []
        looked(watched.page, name)


@pytest.mark.parametrize("width", [390, 320])
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_a_phone(browser: Browser, server: Server, name: str, width: int) -> None:
    with opened(browser, viewport={"width": width, "height": 844}) as watched:
        sees(watched.page, server, PAGES[name])
        assert watched.page.evaluate("document.documentElement.scrollWidth") == width
        assert axe(watched.page) == []


@pytest.mark.parametrize("path", ["/", "/session/r2/compare", "/session/r2/export"])
def test_what_a_name_says_is_never_read_as_markup(page: Page, server: Server, path: str) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    sees(page, server, path)
    expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_the_look_is_remembered_and_painted_from_the_start(page: Page, server: Server) -> None:
    sees(page, server, "/")
    page.get_by_role("button", name="Colours").click()
    page.get_by_role("menuitem", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-look", "dark")
    page.reload(wait_until="commit")
    page.wait_for_function("document.body")  # long before the socket is open
    assert page.evaluate("document.documentElement.dataset.look") == "dark"
    expect(page.locator("body")).to_have_class(re.compile("body--dark"))


def test_the_system_is_followed_while_nothing_is_chosen(page: Page, server: Server) -> None:
    sees(page, server, "/")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-look", scheme)


def test_a_name_is_kept_in_this_browser(page: Page, server: Server) -> None:
    sees(page, server, "/")
    page.get_by_role("button", name="You act as").click()
    page.get_by_label("Your name in the log").fill("Ada'); alert(1); ('ä")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("button", name="You act as Ada'); alert(1); ('ä")).to_be_visible()
    page.wait_for_function("document.cookie.includes('lorasteer-actor')")
    page.reload()
    expect(page.get_by_role("button", name="You act as Ada'); alert(1); ('ä")).to_be_visible()


def test_the_keyboard_reaches_the_content_first(page: Page, server: Server) -> None:
    sees(page, server, "/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".ls-main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="No sevens")).to_be_focused()


def test_a_session_is_removed_and_brought_back(page: Page, server: Server) -> None:
    sees(page, server, "/")
    page.get_by_role("button", name="Remove No sevens").click()
    expect(page.get_by_role("link", name="No sevens")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="No sevens")).to_have_count(1)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_few_sessions_need_no_search(page: Page, server: Server) -> None:
    sees(page, server, "/")
    expect(page.get_by_label("Search")).to_be_hidden()


def test_many_sessions_are_searched_and_sorted(page: Page, many: Server) -> None:
    sees(page, many, "/")
    page.get_by_label("Search").fill("try 1")
    expect(page.get_by_text("3 of 12")).to_be_visible()
    page.get_by_label("Search").fill("nothing like it")
    expect(page.get_by_text("No session matches “nothing like it”.")).to_be_visible()
    page.get_by_label("Search").fill("")
    page.get_by_label("Order").click()
    page.get_by_role("option", name="By name").click()
    expect(page.locator(".ls-run").nth(3)).to_contain_text("Try 10")


def test_an_empty_library_says_what_to_do_and_begins(page: Page, empty: Server) -> None:
    sees(page, empty, "/")
    expect(page.get_by_text("No session yet. Pick a base model")).to_be_visible()
    page.get_by_role("button", name="7", exact=True).click()
    expect(page.get_by_role("button", name="Choose later")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Strongly").click()
    page.get_by_label("Name (optional)").fill("No sevens")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text(re.compile(r"Training the base on digits, once: [1-9]\d%, 1 s"))).to_be_visible()
    expect(page.get_by_role("progressbar", name="Training of the base")).to_be_visible()
    page.wait_for_url("**/session/new1")
    expect(page.get_by_text("No sevens: 1 made, 1 in force")).to_be_visible()


def test_a_base_of_ones_own_is_sent_checked_and_chosen(page: Page, server: Server, tmp_path: Path) -> None:
    save_base(small_base(), tmp_path / "base")
    packed = shutil.make_archive(str(tmp_path / "my <b>base"), "zip", tmp_path / "base")
    sees(page, server, "/")
    page.get_by_text("A base of your own").click()
    page.get_by_label("Zip of a base").set_input_files(packed)
    expect(page.get_by_text("Taken in.")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("my .*base"))).to_have_attribute("aria-pressed", "true")


def test_what_is_no_base_is_refused_in_one_line(watched: Watched, server: Server, tmp_path: Path) -> None:
    (tmp_path / "evil.zip").write_bytes(b"\x80\x04cos\nsystem\n.")
    sees(watched.page, server, "/")
    watched.page.get_by_text("A base of your own").click()
    watched.page.get_by_label("Zip of a base").set_input_files(tmp_path / "evil.zip")
    expect(watched.page.locator(".ls-upload .ls-bad")).to_contain_text("pickle")
    assert [error for error in watched.errors if "422" in error or "400" in error]
    watched.errors.clear()  # the browser notes every refusal on its console


def test_what_to_forget_can_be_chosen_later(page: Page, empty: Server) -> None:
    sees(page, empty, "/")
    page.get_by_role("button", name="3", exact=True).click()
    page.get_by_role("button", name="4", exact=True).click()
    page.get_by_role("button", name="Choose later").click()
    for digit in "34":
        expect(page.get_by_role("button", name=digit, exact=True)).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("0 made, 0 in force")).to_be_visible()


def test_iterations_are_compared_and_one_is_taken_up_and_given_back(page: Page, server: Server) -> None:
    sees(page, server, "/session/r1/compare?iterations=1,2")
    expect(page.get_by_role("img", name=re.compile("^iteration 1: .*still recognised"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("forget accuracy.*fell, better, 2.10%"))).to_be_visible()
    page.get_by_role("button", name="Go to iteration 1").click()
    expect(page.get_by_role("button", name="Iteration 1 is in force")).to_be_disabled()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Go to iteration 1")).to_be_enabled()


def test_two_to_four_iterations_are_chosen(page: Page, server: Server) -> None:
    sees(page, server, "/session/r1/compare?iterations=1,2")
    expect(page.get_by_role("columnheader", name="iteration 2").first).to_be_visible()
    page.get_by_role("button", name=re.compile("^2 ")).click()
    expect(page.get_by_text("1 chosen; choose two to 4.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^3 ")).click()
    expect(page.get_by_role("columnheader", name="iteration 3").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?iterations=1,3$"))


def test_nothing_to_compare_and_no_such_session_are_said(page: Page, server: Server) -> None:
    sees(page, server, "/session/r2/compare")
    expect(page.get_by_text("There is nothing to compare yet")).to_be_visible()
    sees(page, server, "/session/nowhere/compare")
    expect(page.get_by_role("alert")).to_contain_text("there is no run 'nowhere'")
    sees(page, server, "/session/nowhere/export")
    expect(page.get_by_role("alert")).to_contain_text("there is no run 'nowhere'")


def test_a_session_without_a_map_says_so(page: Page, server: Server) -> None:
    sees(page, server, "/session/r3/compare?iterations=0,1")
    expect(page.get_by_text("No map of these iterations was kept").first).to_be_visible()


def test_what_is_taken_away_is_prepared_and_downloaded(page: Page, server: Server, tmp_path: Path) -> None:
    sees(page, server, "/session/r1/export?iteration=2")
    expect(page.get_by_text("An adapter can be switched off")).to_be_visible()
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_text("An adapter can be switched off")).to_have_count(0)
    page.get_by_role("button", name="Prepare").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download r1-2-report.zip, 12.3 kB").click()
    assert download.value.suggested_filename == "r1-2-report.zip"
    download.value.save_as(tmp_path / "report.zip")
    assert (tmp_path / "report.zip").stat().st_size == 12_345


def test_another_choice_takes_the_offer_back(page: Page, server: Server) -> None:
    sees(page, server, "/session/r1/export")
    page.get_by_role("button", name="Prepare").click()
    expect(page.get_by_role("button", name=re.compile("^Download r1-3-adapter"))).to_be_visible()
    page.get_by_role("button", name=re.compile("^1 ")).click()
    expect(page.get_by_role("button", name=re.compile("^Download"))).to_have_count(0)
    expect(page.get_by_text("98.60% → 52.00%")).to_be_visible()


def test_the_lines_that_load_it_are_copied(browser: Browser, server: Server) -> None:
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as watched:
        sees(watched.page, server, "/session/r1/export")
        watched.page.get_by_role("button", name="Copy these lines").click()
        expect(watched.page.get_by_text("Copied")).to_be_visible()
        assert "PeftModel.from_pretrained" in watched.page.evaluate("navigator.clipboard.readText()")


def test_motion_stops_where_it_is_not_wanted(browser: Browser, server: Server) -> None:
    with opened(browser, reduced_motion="reduce") as watched:
        sees(watched.page, server, "/")
        beat = "getComputedStyle(document.querySelector('.ls-is-busy .ls-dot')).animationIterationCount"
        assert watched.page.evaluate(beat) == "1"


def test_nothing_moves_while_a_page_is_drawn(page: Page, server: Server) -> None:
    page.add_init_script(WATCH)
    for path in PAGES.values():
        sees(page, server, path)
        page.wait_for_timeout(500)
        assert page.evaluate("window.shift || 0") < 0.02
