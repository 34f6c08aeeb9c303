"""The workbench page in a real browser, on a session in memory: mouse, keyboard, lasso, two windows, small screens.

How far points move there is the room's own law: these tests show that the page draws what it is told. What a real model does is
tested at the end, on the real engine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser import Server, axe, looked, opened, serve
from tests.web.pages.app import memory, real

SEVEN = '[aria-label^="class 7,"]'
TARGET_POINTS = """() => {
  const plot = document.querySelector('.js-plotly-plot');
  return plot._fullData.map((trace) => [...trace.x].slice(0, 20).map((x) => Math.round(1000 * x) / 1000).join(' ')).join('|');
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Many sessions in memory."""
    with serve(memory, pause=0.05, steps=8) as found:
        yield found


@pytest.fixture
def url(server: Server) -> str:
    """Address of a session that no other test uses."""
    return f"{server.url}/session/run{next(_numbers)}"


_numbers = count(1)


@pytest.fixture
def bench(url: str, page: Page) -> Page:
    """The page of that session, open."""
    return come(url, page)


def come(url: str, page: Page) -> Page:
    """Open a page and wait for the map."""
    page.goto(url)
    expect(page.locator(SEVEN)).to_be_visible()
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')?._fullData?.length > 0")
    return page


def do(page: Page, action: str) -> None:
    """Press the button of an action."""
    page.click(f"[data-action={action}]")


def finished(page: Page, head: int) -> None:
    """Wait until an iteration is in force and the session waits for a person."""
    expect(page.locator(".wb-node[aria-current=true] b")).to_have_text(str(head) if head else "base")
    expect(page.locator("[data-action=adjust]")).to_be_visible()


def table(page: Page) -> str:
    """Texts of the table."""
    return page.locator(".wb-table-box").inner_text()


def forget_seven(page: Page) -> None:
    """Ask for the first unlearning and wait for its end."""
    page.click(SEVEN)
    expect(page.locator(".wb-target .wb-size")).to_contain_text("training examples")
    do(page, "start")
    finished(page, 1)


def test_forget_continue_and_undo_by_mouse(bench: Page) -> None:
    before = bench.evaluate(TARGET_POINTS)
    forget_seven(bench)
    bench.wait_for_timeout(600)
    first, moved = table(bench), bench.evaluate(TARGET_POINTS)
    assert moved != before, "the page draws the points where the room says that they are"
    do(bench, "continue")
    finished(bench, 2)
    bench.wait_for_timeout(600)
    assert table(bench) != first
    assert bench.evaluate(TARGET_POINTS) != moved
    do(bench, "undo")
    finished(bench, 1)
    bench.wait_for_timeout(600)
    assert table(bench) == first
    assert bench.evaluate(TARGET_POINTS) == moved
    looked(bench, "workbench-reviewing")


def test_the_whole_way_by_keyboard(bench: Page) -> None:
    bench.keyboard.press("t")
    bench.wait_for_function("() => document.activeElement?.className.includes('wb-chip')")
    for _ in range(7):
        bench.keyboard.press("Tab")
    bench.keyboard.press("Space")
    expect(bench.locator(SEVEN)).to_have_attribute("aria-pressed", "true")
    bench.keyboard.press("f")
    finished(bench, 1)
    first = table(bench)
    bench.keyboard.press("c")
    finished(bench, 2)
    bench.keyboard.press("u")
    finished(bench, 1)
    bench.keyboard.press("d")
    bench.wait_for_function("() => document.activeElement?.closest('.wb-dial') !== null")
    bench.keyboard.press("ArrowLeft")
    expect(bench.locator(".wb-looking")).to_contain_text("Looking at strength 0.95")
    bench.keyboard.press("Escape")
    expect(bench.locator(".wb-looking")).to_be_hidden()
    assert table(bench) == first
    bench.keyboard.press("h")
    bench.wait_for_function("() => document.activeElement?.className.includes('wb-head')")
    bench.keyboard.press("ArrowRight")
    bench.wait_for_function("() => document.activeElement?.getAttribute('aria-label')?.startsWith('iteration 2')")
    bench.keyboard.press("Enter")
    finished(bench, 2)
    bench.keyboard.press("?")
    expect(bench.get_by_text("Help and keys")).to_be_visible()
    bench.keyboard.press("u")
    bench.keyboard.press("Escape")
    expect(bench.get_by_text("Help and keys")).to_be_hidden()
    finished(bench, 2)
    bench.keyboard.press("s")
    bench.get_by_role("button", name="Stop it").press("Enter")
    expect(bench.get_by_text("This session is closed.")).to_be_visible()


def test_keys_do_nothing_while_one_types(bench: Page) -> None:
    forget_seven(bench)
    bench.fill('[aria-label="Why you decide so, for the log"]', "")
    bench.type('[aria-label="Why you decide so, for the log"]', "cautious")
    bench.wait_for_timeout(500)
    finished(bench, 1)


def test_a_lasso_becomes_the_target(bench: Page) -> None:
    box = bench.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert box
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.55), (0.5, 0.55), (0.02, 0.55), (0.02, 0.04)]
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    bench.mouse.move(*places[0])
    bench.mouse.down()
    for place in places[1:]:
        bench.mouse.move(*place, steps=6)
    bench.mouse.up()
    said = bench.get_by_text(re.compile(r"[1-9][\d,]* of 1,258 points selected"))
    expect(said).to_be_visible()
    found = said.inner_text().split(" of ")[0]
    bench.click("text=Forget these")
    expect(bench.locator(".wb-target .wb-size")).to_have_text(f"{found} of 1,258 training examples")
    do(bench, "start")
    finished(bench, 1)


def test_the_numbers_follow_the_thumb(bench: Page) -> None:
    forget_seven(bench)
    bench.focus(".wb-dial [tabindex]")
    lasted = []
    for place in range(1, 8):
        began = time.monotonic()
        bench.keyboard.press("ArrowLeft")
        expect(bench.locator(".wb-looking")).to_contain_text(f"Looking at strength {1 - 0.05 * place:.2f}")
        lasted.append(time.monotonic() - began)
    print(f"dial: median {sorted(lasted)[3]:.3f} s, longest {max(lasted):.3f} s, with 0.05 s of work")
    assert sorted(lasted)[3] < 1.0
    looked(bench, "workbench-dial")
    bench.click(".wb-dial .wb-button")
    finished(bench, 2)


def test_a_reload_in_the_middle_finds_the_training(browser: Browser) -> None:
    with serve(memory, pause=0.4, steps=10) as server, opened(browser) as watched:
        page = come(f"{server.url}/session/run1", watched.page)
        page.click(SEVEN)
        do(page, "start")
        expect(page.locator("[data-action=interrupt]")).to_be_visible()
        page.reload()
        expect(page.locator("[data-action=interrupt]")).to_be_visible()
        expect(page.locator("[role=progressbar]")).to_be_visible()
        looked(page, "workbench-unlearning")
        do(page, "interrupt")
        finished(page, 1)


def test_two_windows_show_the_same_and_are_told(url: str, browser: Browser, bench: Page) -> None:
    with opened(browser) as other:
        second = come(url, other.page)
        forget_seven(bench)
        finished(second, 1)
        assert table(second) == table(bench)
        do(second, "undo")
        finished(bench, 0)
        expect(bench.locator(".ls-toast")).to_contain_text("did “undo” at")


def test_the_parts_fit_on_a_laptop(bench: Page) -> None:
    forget_seven(bench)
    size = bench.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size == [1280, 800]
    for place in (SEVEN, '[aria-label^="Intensity, from"]', "[data-action=continue]", ".js-plotly-plot", ".wb-table", ".wb-tree"):
        assert inside(bench, place, 1280, 800), place


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_one_part_is_shown_at_a_time(bench: Page, width: int) -> None:
    forget_seven(bench)
    bench.set_viewport_size({"width": width, "height": 844})
    parts = {"Ask": ".wb-ask", "Map": ".wb-middle", "Numbers": ".wb-right", "History": ".wb-bottom"}
    for name, place in parts.items():
        bench.locator(".wb-panes").get_by_text(name, exact=True).click()
        for other in parts.values():
            expect(bench.locator(other)).to_be_visible(visible=other == place)
        assert inside(bench, "[data-action=continue]", width, 844)
        assert bench.evaluate("() => document.documentElement.scrollWidth") <= width, name
    bench.locator(".wb-panes").get_by_text("Map", exact=True).click()
    bench.wait_for_function(f"() => document.querySelector('.js-plotly-plot .main-svg').clientWidth <= {width}")


def inside(page: Page, place: str, width: int, height: int) -> bool:
    """Whether the beginning of an element lies on the screen."""
    box: Any = page.locator(place).first.bounding_box()
    return bool(box) and 0 <= box["x"] <= width - 24 and 0 <= box["y"] <= height - 24


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_in_the_way_of_a_screen_reader(bench: Page, scheme: Any) -> None:
    bench.emulate_media(color_scheme=scheme)
    bench.wait_for_timeout(400)
    assert axe(bench) == []
    forget_seven(bench)
    bench.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    bench.wait_for_timeout(400)
    assert axe(bench) == []


@pytest.mark.slow
def test_the_whole_way_on_the_real_engine(browser: Browser, tmp_path: Path) -> None:
    """Answers change at once. How far points move is the model's affair: features may keep what answers no longer say."""
    with serve(real, folder=str(tmp_path)) as server, opened(browser) as watched:
        page = come(f"{server.url}/begin", watched.page)
        settled(page)
        forget_seven(page)
        settled(page)
        first, places = table(page), page.evaluate(TARGET_POINTS)
        left = float(page.locator("[data-metric='forget accuracy'] .wb-col-now").inner_text().split("%")[0])
        assert left < 50, "most of the target is not recognised any more"
        do(page, "continue")
        finished(page, 2)
        settled(page)
        do(page, "undo")
        finished(page, 1)
        settled(page)
        page.wait_for_timeout(800)
        assert table(page) == first
        assert page.evaluate(TARGET_POINTS) == places, "undo restores the picture"


def settled(page: Page) -> None:
    """Wait until the map stands still: it says so, and no point has moved for a while. It may still say so of the map before."""
    until = time.monotonic() + 60
    still = ""
    while time.monotonic() < until:
        expect(page.locator(".wb-map-chip")).to_contain_text("settled", timeout=60_000)
        before, still = still, str(page.evaluate(TARGET_POINTS))
        if still == before:
            return
        page.wait_for_timeout(1500)
    raise AssertionError("the map does not come to rest")
