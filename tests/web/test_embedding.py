"""The map in a real browser: what is fed is drawn, the newest first, and neither grows, leaks nor runs anything."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.web.browser import Server, axe, looked, opened, serve
from tests.web.embedding_app import build, cloud
from tests.web.embedding_hand import PLOT, drawn, fed, shown, until

HOSTILE = [
    "<b>bold</b>",
    "<img src=x onerror=window.hit=1>",
    '<a href="javascript:hit=1">x</a>',
    "{{ 7 * 7 }}",
    "猫 & \"dog\" 'x' \\",
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve(build, count=2000) as found:
        yield found


def test_frames_are_drawn_in_order_and_the_last_is_on_the_screen(page: Page, server: Server) -> None:
    view = shown(page, server)
    first = server.ask("/test/state")["seq"]
    server.ask("/test/feed?rate=5&frames=12")
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == first + 12)
    numbers = [seq for seq, _ in server.ask(f"/test/state?view={view}")["timings"]]
    assert numbers == sorted(set(numbers))
    assert np.array_equal(drawn(page), cloud(2000, 10, first + 12))


@pytest.mark.slow
def test_a_slow_browser_gets_the_newest_frames_and_the_server_keeps_none_of_the_others(browser: Browser) -> None:
    with serve(build, count=10_000) as server, opened(browser) as watched:
        page = watched.page
        shown(page, server)
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 10})
        server.ask("/test/feed?rate=50&frames=100")
        until(lambda: server.ask("/test/state")["seq"] == 100)
        early = server.memory()
        server.ask("/test/feed?rate=50&frames=400")
        until(lambda: server.ask("/test/state")["drawn"] == 500, 120)
        state = server.ask("/test/state")
        assert state["dropped"] > 100
        # a frame that a very slow browser took too long for is drawn anew, and counted as neither
        assert 501 - 3 <= len(state["timings"]) + state["dropped"] <= 501
        # 400 frames that nobody kept would be 43 MB of text; the allowance is for allocator and message history
        assert server.memory() - early < 25e6
        assert np.array_equal(drawn(page), cloud(10_000, 10, 500))


def test_a_map_fills_a_narrow_page_too(page: Page, server: Server) -> None:
    shown(page, server)
    span = f"{PLOT}._fullLayout.xaxis.range[1] - {PLOT}._fullLayout.xaxis.range[0]"
    assert page.evaluate(span) > 4
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(f"{span} < 3")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hostile_names_are_text(browser: Browser) -> None:
    with serve(build, count=200, names=HOSTILE) as server, opened(browser) as watched:
        page = watched.page
        shown(page, server)
        server.ask("/test/do?what=select&value=0,1,2,3,4")
        page.get_by_text("5 of 200 points selected").wait_for()
        for name in HOSTILE:
            page.get_by_text(f"{name} (40)", exact=True).wait_for()
        assert page.evaluate("window.hit") is None
        assert page.locator("b, img, a[href^=javascript]").count() == 0


@pytest.mark.parametrize("color_by", ["class", "part", "changed", "moved"])
def test_every_colouring_is_drawn_and_streams(page: Page, server: Server, color_by: str) -> None:
    view = shown(page, server, f"/?color_by={color_by}")
    server.ask(f"/test/do?what=select&value=1,2,3&view={view}")
    fed(server, view, rate=10, frames=3)
    assert np.array_equal(drawn(page), cloud(2000, 10, server.ask("/test/state")["seq"]))
    legend = {"class": "class 9 (200)", "part": "retain (1,800)", "changed": "right, now wrong (100)", "moved": "moved 0.00"}
    page.get_by_text(legend[color_by], exact=True).wait_for()
    looked(page, f"map-{color_by}")


def test_a_dark_page_has_light_outlines_and_clear_paper(page: Page, server: Server) -> None:
    view = shown(page, server, "/?dark=true")
    server.ask(f"/test/do?what=select&value=1&view={view}")
    page.wait_for_function(f"{PLOT}._fullData.length === 11")
    assert page.evaluate(f"{PLOT}._fullData[10].marker.line.color") == "#f9fafb"
    assert page.evaluate(f"{PLOT}._fullLayout.paper_bgcolor") == "rgba(0, 0, 0, 0)"
    looked(page, "map-dark")
    assert axe(page) == []


def test_a_map_has_no_grave_fault_for_screen_readers(page: Page, server: Server) -> None:
    shown(page, server)
    assert axe(page) == []


def test_a_reload_shows_the_newest_frame(page: Page, server: Server) -> None:
    shown(page, server)
    before = server.ask("/test/state")["seq"]
    server.ask("/test/feed?rate=20&frames=10")
    page.wait_for_timeout(200)
    page.reload()
    page.wait_for_function(f"{PLOT}?._fullData?.length > 0")
    until(lambda: server.ask("/test/state")["seq"] == before + 10)
    until(lambda: server.ask("/test/state")["drawn"] == before + 10)
    assert np.array_equal(drawn(page), cloud(2000, 10, before + 10))


def test_a_broken_line_is_taken_up_with_the_newest_frame(page: Page, server: Server) -> None:
    view = shown(page, server)
    page.evaluate("window.socket.disconnect()")
    page.wait_for_timeout(300)
    before = server.ask("/test/state")["seq"]
    server.ask("/test/feed?rate=20&frames=10")
    until(lambda: server.ask("/test/state")["seq"] == before + 10)
    state = server.ask(f"/test/state?view={view}")
    assert state["drawn"] == before, "something was sent to a browser that is gone"
    page.evaluate("window.socket.connect()")
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == state["seq"])
    assert np.array_equal(drawn(page), cloud(2000, 10, state["seq"]))


def test_two_pages_at_once_see_the_same_and_select_apart(browser: Browser, server: Server) -> None:
    with opened(browser) as one, opened(browser) as other:
        first, second = shown(one.page, server), shown(other.page, server)
        assert first != second
        last = server.ask("/test/state")["seq"]
        server.ask("/test/feed?rate=5&frames=5")
        server.ask(f"/test/do?what=select&value=5&view={first}")
        one.page.get_by_text("1 of 2,000 points selected").wait_for()
        other.page.get_by_text("0 of 2,000 points selected").wait_for()
        for view in (first, second):
            until(lambda view=view: server.ask(f"/test/state?view={view}")["drawn"] == last + 5)
        assert np.array_equal(drawn(one.page), drawn(other.page))


def test_other_points_take_the_place_of_these(browser: Browser) -> None:
    with serve(build, count=500) as server, opened(browser) as watched:
        page = watched.page
        shown(page, server)
        server.ask("/test/do?what=select&value=499")
        page.get_by_text("1 of 500 points selected").wait_for()
        server.ask("/test/do?what=fewer&value=100")
        page.get_by_text("0 of 100 points selected").wait_for()
        state = server.ask("/test/state")
        assert state["drawn"] == -1
        page.wait_for_function(f"{PLOT}._fullData.length === 0")
        assert state["selected"][-1] == []


def test_a_closed_map_is_sent_nothing_more(page: Page, server: Server) -> None:
    view = shown(page, server)
    before = server.ask(f"/test/state?view={view}")["drawn"]
    server.ask(f"/test/do?what=close&view={view}")
    server.ask("/test/feed?rate=20&frames=5")
    until(lambda: server.ask("/test/state")["seq"] == before + 5)
    page.evaluate("window.socket.disconnect()")
    page.evaluate("window.socket.connect()")
    page.wait_for_timeout(500)
    assert server.ask(f"/test/state?view={view}")["drawn"] == before
    assert np.array_equal(drawn(page), cloud(2000, 10, before))
