"""The report in a real browser: it asks nobody for anything, complains of nothing, zooms, and fits a telephone."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright import sync_api as playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# of Debian's chromium run as root, and against what a browser asks its maker by itself
ARGUMENTS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run"
RANGES = """() => {
  const plot = Bokeh.documents[0], iterations = plot.get_model_by_name("iterations"), first = plot.get_model_by_name("first");
  return [iterations.start, iterations.end, first.y_range.start, first.y_range.end];
}"""


@dataclass
class Visit:
    """A page in the browser, with all that it asked for and said."""

    page: Any
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ranges(self) -> list[float]:
        """What the first plot shows: first and last iteration, lowest and highest accuracy."""
        self.page.wait_for_function("Bokeh.documents.every((plot) => plot.is_idle)")
        self.page.wait_for_timeout(150)
        return self.page.evaluate(RANGES)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        text = "needs a browser: apt-get install chromium"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=ARGUMENTS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(page: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(params=[1280, 390], ids=["desk", "telephone"])
def visit(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Visit]:
    telephone = request.param < 500
    size = {"width": request.param, "height": 800}
    context = browser.new_context(viewport=size, is_mobile=telephone, has_touch=telephone)
    found = Visit(context.new_page())
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.on("console", lambda said: found.complaints.append(said.text) if said.type in ("error", "warning") else None)
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.goto(address)
    found.page.wait_for_function("Bokeh.documents.length === 2 && Bokeh.documents.every((plot) => plot.is_idle)")
    yield found
    context.close()


def test_it_asks_nobody_and_complains_of_nothing(visit, address):
    assert [url for url in visit.asked if not url.startswith("data:")] == [address]
    assert visit.complaints == []


def test_nothing_is_wider_than_the_screen(visit):
    wide, screen = visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= screen
    outside = """() => [...document.querySelectorAll("body *")].filter((each) => !each.closest(".scroll")
      && each.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((each) => each.outerHTML)"""
    assert visit.page.evaluate(outside) == []


def test_every_figure_is_shown_and_every_plot_is_drawn(visit):
    widths = visit.page.evaluate("[...document.images].map((each) => each.naturalWidth)")
    assert len(widths) == 6
    assert min(widths) > 100
    drawn = visit.page.locator(".plot canvas").evaluate_all("(all) => all.map((each) => each.width)")
    assert len(drawn) >= 4
    assert min(drawn) > 200


def test_a_button_zooms_on_a_switch_and_back(visit):
    whole = visit.ranges()
    assert whole[:2] == [1, 180]
    zoom = visit.page.get_by_role("button", name="switch to task 2").first
    zoom.click()
    near = visit.ranges()
    assert near[:2] == [50, 110]
    assert near[3] - near[2] < whole[3] - whole[2], "the accuracy axis follows"
    assert zoom.get_attribute("aria-pressed") == "true"
    visit.page.get_by_role("button", name="whole stream").first.click()
    assert visit.ranges() == pytest.approx(whole)


def test_a_name_switches_its_line_off_and_on(visit):
    shown = "() => Bokeh.documents[0].get_model_by_name('seen line adam').visible"
    name = visit.page.locator('[data-optimizer="adam"]').first
    for visible in (False, True):
        name.click()
        assert visit.page.evaluate(shown) is visible
        assert name.get_attribute("aria-pressed") == str(visible).lower()


@pytest.mark.parametrize("visit", [1280], indirect=True)
def test_dragging_across_a_plot_zooms(visit):
    whole = visit.ranges()
    plot = visit.page.locator(".plot").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    x, y = box["x"] + 0.4 * box["width"], box["y"] + 100
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 120, y + 4, steps=8)
    visit.page.mouse.up()
    near = visit.ranges()
    assert whole[0] < near[0] < near[1] < whole[1]
    assert 15 < near[1] - near[0] < 40
    assert near[2:] != whole[2:]


@pytest.mark.parametrize("visit", [390], indirect=True)
def test_a_finger_on_a_plot_scrolls_the_page(visit):
    plot = visit.page.locator(".plot").first
    plot.scroll_into_view_if_needed()
    visit.page.wait_for_timeout(800)  # smooth scrolling
    before, box = visit.page.evaluate("scrollY"), plot.bounding_box()
    finger = visit.page.context.new_cdp_session(visit.page)
    x, y = box["x"] + 150, box["y"] + 220
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 15 * step}]})
        visit.page.wait_for_timeout(16)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("scrollY") > before + 50
    assert visit.ranges()[:2] == [1, 180]


@pytest.mark.parametrize("visit", [1280], indirect=True)
def test_it_prints(visit):
    printed = visit.page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert 5 < printed.count(b"/Type /Page\n") < 40
