"""What a person does on the map in a real browser: lasso, box, buttons, keys, wheel and legend, each to the exact point."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browser import Server, opened, serve
from tests.web.embedding_app import SPREAD, build, cloud
from tests.web.embedding_hand import PLOT, fed, lasso, pixel, shown, turned, until


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve(build, count=2000) as found:
        yield found


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

    def feed() -> None:
        server.ask("/test/feed?rate=20&frames=80")
        until(lambda: server.ask("/test/state")["seq"] - seq >= 10)

    lasso(page, *turned(5, seq), SPREAD + 0.12, meanwhile=feed)
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
    fed(server, view, rate=5, frames=2)
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
    entry.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"{PLOT}._fullData.length === 9")
    assert entry.get_attribute("aria-pressed") == "false"
    assert entry.evaluate("(button) => button === document.activeElement"), "the press has lost its place"
    lasso(page, *turned(3, seq), SPREAD + 0.08)
    page.wait_for_timeout(500)
    assert server.ask(f"/test/state?view={view}")["selection"] == []
