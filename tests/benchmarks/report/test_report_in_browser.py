"""The report as a reader meets it: in headless Chromium, on a phone and a desk, in light and dark, by keyboard."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import CHROMIUM, Browser
from PIL import Image

from grain_codec.benchmarks.report.report import write_report
from grain_codec.benchmarks.tables.rows import Row

SCREENS = [(360, 740, "light"), (360, 740, "dark"), (1280, 800, "light"), (1280, 800, "dark")]
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with an empty profile."""
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def report(rows: list[Row], environment: dict, pictures: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with two faces under sliders."""
    return write_report(rows, environment, tmp_path_factory.mktemp("report"), pictures)


@pytest.mark.parametrize(("width", "height", "scheme"), SCREENS)
def test_the_page_fits_the_screen_and_follows_the_scheme(
    browser: Browser, report: Path, width: int, height: int, scheme: str
):
    browser.show(report.as_uri(), width, height, scheme)
    browser.value("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert browser.value("document.scrollingElement.scrollWidth <= innerWidth")
    assert browser.value("document.scrollingElement.scrollLeft = 50, document.scrollingElement.scrollLeft") == 0
    ground = browser.screenshot().getpixel((2, 2))
    assert min(ground) > 240 if scheme == "light" else max(ground) < 40


def test_nothing_is_asked_of_the_network_and_no_name_runs(browser: Browser, report: Path):
    browser.show(report.as_uri(), 1280, 800, "light")
    asked = [event["params"]["request"]["url"] for event in browser.events if "request" in event.get("params", {})]
    assert asked and all(url == report.as_uri() or url.startswith("data:image/webp") for url in asked)
    assert browser.value("typeof window.attacked") == "undefined"
    assert not [
        event for event in browser.events if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")
    ]


def test_the_slider_is_reached_and_moved_by_keyboard(browser: Browser, report: Path):
    browser.show(report.as_uri(), 1280, 800, "light")
    for _ in range(40):
        browser.press("Tab", 9)
        if browser.value("document.activeElement.type") == "range":
            break
    assert browser.value("document.activeElement.type") == "range"
    assert browser.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert stage_colours(browser) == ("red", "blue")
    browser.press("Home", 36)
    assert stage_colours(browser) == ("blue", "blue")
    for _ in range(30):
        browser.press("ArrowRight", 39)
    assert browser.value("document.activeElement.value") == "30"
    assert stage_colours(browser) == ("red", "blue")
    browser.press("End", 35)
    assert stage_colours(browser) == ("red", "red")


def stage_colours(browser: Browser) -> tuple[str, str]:
    """The colours that a reader sees left and right in the pictures over the slider that has the focus."""
    box = browser.value(
        "(() => { const image = document.activeElement.closest('.comparison').querySelector('img');"
        "image.scrollIntoView({block: 'center'}); const box = image.getBoundingClientRect();"
        "return [box.left, box.top, box.width, box.height] })()"
    )
    left, top, width, height = box
    shown = browser.screenshot()
    seen = [shown.getpixel((int(left + share * width), int(top + height / 2))) for share in (0.1, 0.9)]
    return tuple("red" if red > blue else "blue" for red, _, blue in seen)


def test_without_script_both_pictures_are_seen(browser: Browser, report: Path):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.show(report.as_uri(), 360, 740, "light")
        shown = browser.send("Page.captureScreenshot", captureBeyondViewport=True, clip=whole_page(browser))["data"]
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)
    colours = Image.open(io.BytesIO(base64.b64decode(shown))).convert("RGB").getcolors(1 << 24)
    seen = {colour: count for count, colour in colours}
    assert seen.get((255, 0, 0), 0) > 10_000 and seen.get((0, 0, 255), 0) > 10_000


def whole_page(browser: Browser) -> dict[str, float]:
    """The rectangle that the page takes."""
    size = browser.send("Page.getLayoutMetrics")["cssContentSize"]
    return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
