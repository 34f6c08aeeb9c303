"""The map in a real browser: what is fed is drawn, what is drawn can be selected, and neither grows, leaks nor runs anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.web.browser import Server, axe, looked, opened, serve
from tests.web.embedding_app import SPREAD, build, cloud, middles

HOSTILE = [
    "<b>bold</b>",
    "<img src=x onerror=window.hit=1>",
    '<a href="javascript:hit=1">x</a>',
    "{{ 7 * 7 }}",
    "猫 & \"dog\" 'x' \\",
]
PLOT = "document.querySelector('.js-plotly-plot')"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve(build, count=2000) as found:
        yield found


def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait for a thing to come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def shown(page: Page, server: Server, path: str = "/") -> int:
    """Open a map and wait until it is drawn; returns the number of its view."""
    before = server.ask("/test/state")["views"] if page.url != "about:blank" else None
    page.goto(server.url + path)
    page.wait_for_function(f"{PLOT}?._fullData?.length > 0")
    state = server.ask("/test/state")
    assert before is None or state["views"] == before + 1
    until(lambda: server.ask("/test/state")["drawn"] == server.ask("/test/state")["seq"])
    return int(state["views"]) - 1


def drawn(page: Page) -> np.ndarray:
    """Places that the browser has drawn, float32[n, 2], in the order of the points."""
    found = page.evaluate(f"{PLOT}._fullData.map((t) => [Array.from(t.customdata), Array.from(t.x), Array.from(t.y)])")
    index = np.concatenate([np.array(one[0], np.int64) for one in found])
    places = np.concatenate([np.array(one[1:], np.float32).T for one in found])
    return places[np.argsort(index)]


def pixel(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where on the page a place of the map lies."""
    code = f"""([x, y]) => {{
      const plot = {PLOT}, box = plot.getBoundingClientRect(), layout = plot._fullLayout;
      return [box.left + layout._size.l + layout.xaxis.d2p(x), box.top + layout._size.t + layout.yaxis.d2p(y)];
    }}"""
    across, down = page.evaluate(code, [x, y])
    return across, down


def lasso(page: Page, x: float, y: float, radius: float) -> None:
    """Drag a ring around a place of the map."""
    ring = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 24)]
    first, *others = [pixel(page, *place) for place in ring]
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place)
    page.mouse.up()


def turned(cluster: int, seq: int) -> tuple[float, float]:
    """Middle of a cluster in a frame."""
    angle = cluster * 2 * np.pi / 10 + seq / 100
    assert np.allclose(middles(10)[cluster], [np.cos(angle - seq / 100), np.sin(angle - seq / 100)])
    return float(np.cos(angle)), float(np.sin(angle))


def test_frames_are_drawn_in_order_and_the_last_is_on_the_screen(page: Page, server: Server) -> None:
    view = shown(page, server)
    first = server.ask("/test/state")["seq"]
    server.ask("/test/feed?rate=5&frames=12")
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == first + 12)
    numbers = [seq for seq, _ in server.ask(f"/test/state?view={view}")["timings"]]
    assert numbers == sorted(set(numbers))
    assert np.array_equal(drawn(page), cloud(2000, 10, first + 12))


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
        assert len(state["timings"]) + state["dropped"] == 501
        # 400 frames that nobody kept would be 43 MB of text; the allowance is for allocator and message history
        assert server.memory() - early < 25e6
        assert np.array_equal(drawn(page), cloud(10_000, 10, 500))


@pytest.mark.parametrize("count", [2000, 10_000])
def test_a_lasso_selects_exactly_what_lies_in_it(browser: Browser, count: int) -> None:
    with serve(build, count=count) as server, opened(browser) as watched:
        page = watched.page
        shown(page, server)
        lasso(page, *turned(3, 0), SPREAD + 0.08)
        until(lambda: server.ask("/test/state")["selection"])
        state = server.ask("/test/state")
        assert state["selection"] == list(range(3, count, 10))
        assert state["selected"] == [state["selection"]]
        status = page.get_by_role("status")
        status.get_by_text(
            f"{count // 10:,} of {count:,} points selected – class 3: {count // 10:,} of {count // 10:,}"
        ).wait_for()
        assert status.get_attribute("aria-live") == "polite"
        page.wait_for_function(f"{PLOT}._fullData.length === 10 && {PLOT}._fullData[9].marker.opacity === 1")
        assert page.locator(".select-outline").count() == 0
        assert page.evaluate(f"{PLOT}._fullData.some((trace) => trace.selectedpoints)") is False
        page.keyboard.down("Shift")
        lasso(page, *turned(4, 0), SPREAD + 0.08)
        page.keyboard.up("Shift")
        until(lambda: len(server.ask("/test/state")["selected"]) == 2)
        assert server.ask("/test/state")["selection"] == sorted([*range(3, count, 10), *range(4, count, 10)])


def test_the_map_stands_still_while_a_lasso_is_drawn(page: Page, server: Server) -> None:
    view = shown(page, server)
    seq = server.ask("/test/state")["seq"]
    server.ask("/test/feed?rate=10&frames=80")
    lasso(page, *turned(5, seq), SPREAD + 0.12)
    until(lambda: server.ask(f"/test/state?view={view}")["selection"])
    gone = server.ask("/test/state")["seq"] - seq
    assert gone >= 10, "the frames that came meanwhile would have turned the class out of the lasso"
    assert server.ask(f"/test/state?view={view}")["selection"] == list(range(5, 2000, 10))
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == seq + 80)


def test_a_box_selects_and_the_buttons_grow_and_clear(page: Page, server: Server) -> None:
    view = shown(page, server)
    seq = server.ask("/test/state")["seq"]
    page.get_by_role("button", name="Box").click()
    page.wait_for_function(f"{PLOT}._fullLayout.dragmode === 'select'")
    x, y = turned(0, seq)
    page.mouse.move(*pixel(page, x - 0.2, y - 0.2))
    page.mouse.down()
    page.mouse.move(*pixel(page, x, y), steps=4)
    page.mouse.move(*pixel(page, x + 0.2, y + 0.2), steps=4)
    page.mouse.up()
    until(lambda: server.ask(f"/test/state?view={view}")["selection"] == list(range(0, 2000, 10)))
    server.ask(f"/test/do?what=select&value=7&view={view}")
    page.get_by_text("1 of 2,000 points selected – class 7: 1 of 200").wait_for()
    page.get_by_role("button", name="Grow").click()
    page.get_by_text("11 of 2,000 points selected – class 7: 11 of 200").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("0 of 2,000 points selected").wait_for()


def test_hover_and_click_say_which_point(page: Page, server: Server) -> None:
    view = shown(page, server)
    seq = server.ask("/test/state")["seq"]
    place = cloud(2000, 10, seq)[42]
    across, down = pixel(page, float(place[0]), float(place[1]))
    page.mouse.move(across - 2, down)
    page.mouse.move(across, down)
    until(lambda: any(one is not None for one in server.ask("/test/state")["hovered"]))
    page.mouse.click(across, down)
    until(lambda: server.ask("/test/state")["clicked"])
    assert server.ask("/test/state")["clicked"][-1] % 10 == 42 % 10
    page.mouse.move(2, 2)
    until(lambda: server.ask("/test/state")["hovered"][-1] is None)
    assert server.ask(f"/test/state?view={view}")["selection"] == []


def test_keys_move_zoom_and_clear(page: Page, server: Server) -> None:
    view = shown(page, server)
    page.get_by_role("application").focus()
    width = f"{PLOT}._fullLayout.yaxis.range[1] - {PLOT}._fullLayout.yaxis.range[0]"
    before = page.evaluate(width)
    page.keyboard.press("+")
    page.wait_for_function(f"{width} < {0.85 * before}")
    page.keyboard.press("ArrowUp")
    page.wait_for_function(f"{PLOT}._fullLayout.yaxis.range[0] + {PLOT}._fullLayout.yaxis.range[1] > 0.1")
    near = page.evaluate(width)
    server.ask("/test/feed?rate=5&frames=2")
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == server.ask("/test/state")["seq"])
    assert page.evaluate(width) == pytest.approx(near), "a frame has moved the axes"
    page.keyboard.press("0")
    page.wait_for_function(f"{width} > {0.95 * before}")
    server.ask(f"/test/do?what=select&value=1&view={view}")
    page.keyboard.press("Escape")
    page.get_by_text("0 of 2,000 points selected").wait_for()


def test_a_zoom_by_the_wheel_outlives_a_redraw(page: Page, server: Server) -> None:
    view = shown(page, server)
    width = f"{PLOT}._fullLayout.yaxis.range[1] - {PLOT}._fullLayout.yaxis.range[0]"
    before = page.evaluate(width)
    page.mouse.move(*pixel(page, 0.5, 0.5))
    page.mouse.wheel(0, -200)
    page.wait_for_function(f"{width} < {0.95 * before}")
    page.wait_for_timeout(500)
    near = page.evaluate(width)
    server.ask(f"/test/do?what=select&value=1&view={view}")
    page.wait_for_function(f"{PLOT}._fullData.length === 11")
    assert page.evaluate(width) == pytest.approx(near, rel=1e-3)


def test_a_press_on_the_legend_hides_a_class_from_eyes_and_lasso(page: Page, server: Server) -> None:
    view = shown(page, server)
    seq = server.ask("/test/state")["seq"]
    entry = page.get_by_role("button", name="class 3 (200)")
    assert entry.get_attribute("aria-pressed") == "true"
    entry.click()
    page.wait_for_function(f"{PLOT}._fullData.length === 9")
    assert page.get_by_role("button", name="class 3 (200)").get_attribute("aria-pressed") == "false"
    lasso(page, *turned(3, seq), SPREAD + 0.08)
    page.wait_for_timeout(500)
    assert server.ask(f"/test/state?view={view}")["selection"] == []


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
    server.ask("/test/feed?rate=10&frames=3")
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == server.ask("/test/state")["seq"])
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
    server.ask("/test/feed?rate=20&frames=10")
    page.wait_for_timeout(200)
    page.reload()
    until(lambda: server.ask("/test/state")["drawn"] == server.ask("/test/state")["seq"])
    page.wait_for_timeout(700)
    assert np.array_equal(drawn(page), cloud(2000, 10, server.ask("/test/state")["seq"]))


def test_a_broken_line_is_taken_up_with_the_newest_frame(page: Page, server: Server) -> None:
    view = shown(page, server)
    page.evaluate("window.socket.disconnect()")
    page.wait_for_timeout(300)
    server.ask("/test/feed?rate=20&frames=10")
    until(lambda: server.ask("/test/state")["seq"] % 10 == server.ask("/test/state")["seq"] % 10, 1)
    page.wait_for_timeout(1000)
    state = server.ask(f"/test/state?view={view}")
    assert state["drawn"] < state["seq"], "something was sent to a browser that is gone"
    page.evaluate("window.socket.connect()")
    until(lambda: server.ask(f"/test/state?view={view}")["drawn"] == state["seq"])
    assert np.array_equal(drawn(page), cloud(2000, 10, state["seq"]))


def test_two_pages_at_once_see_the_same_and_select_apart(browser: Browser, server: Server) -> None:
    with opened(browser) as one, opened(browser) as other:
        first, second = shown(one.page, server), shown(other.page, server)
        assert first != second
        server.ask("/test/feed?rate=5&frames=5")
        last = server.ask("/test/state")["seq"]
        server.ask(f"/test/do?what=select&value=5&view={first}")
        one.page.get_by_text("1 of 2,000 points selected").wait_for()
        other.page.get_by_text("0 of 2,000 points selected").wait_for()
        page_wait = [lambda v=view: server.ask(f"/test/state?view={v}")["drawn"] >= last + 4 for view in (first, second)]
        for reached in page_wait:
            until(reached)
        one.page.wait_for_timeout(500)
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
        assert state["selected"][-1] == []
