"""The report as a reader meets it: in headless Chromium, on a phone and a desk, in light and dark, by keyboard."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from grain_codec.benchmarks.report.report import write_report
from grain_codec.benchmarks.tables.rows import Row

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
]
SCREENS = [(360, 740, "light"), (360, 740, "dark"), (1280, 800, "light"), (1280, 800, "dark")]
PATIENCE = 60.0

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


class Browser:
    """One tab of Chromium, driven by its DevTools protocol over a pair of pipes."""

    def __init__(self, profile: Path) -> None:
        commands_end, self._commands = os.pipe()
        self._answers, answers_end = os.pipe()
        # Chromium listens on descriptor 3 and answers on 4.
        script = f'exec "$@" 3<&{commands_end} 4>&{answers_end}'
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command], pass_fds=(commands_end, answers_end), stderr=subprocess.DEVNULL
        )
        os.close(commands_end)
        os.close(answers_end)
        self._numbers, self._pending, self.events = itertools.count(1), b"", []
        self._session = None
        tabs = [target for target in self.send("Target.getTargets")["targetInfos"] if target["type"] == "page"]
        attached = self.send("Target.attachToTarget", targetId=tabs[0]["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: object) -> dict:
        """One command and its answer; events that come before it are kept."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            received = os.read(self._answers, 1 << 20) if ready else b""
            assert received, "Chromium gave no answer"
            self._pending += received
        message, _, self._pending = self._pending.partition(b"\0")
        return json.loads(message)

    def show(self, page: Path, width: int, height: int, scheme: str) -> None:
        """Opens a page on a screen of so many CSS pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.send("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def value(self, expression: str) -> object:
        """The value of a JavaScript expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key, down and up."""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def screenshot(self, whole: bool = False) -> Image.Image:
        """What is on the screen, or the whole page."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")

    def close(self) -> None:
        """Ends the browser."""
        self._session = None
        try:
            self.send("Browser.close")
        finally:
            os.close(self._commands)
            os.close(self._answers)
            self._process.wait(PATIENCE)


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
    browser.show(report, width, height, scheme)
    browser.value("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert browser.value("document.scrollingElement.scrollWidth <= innerWidth")
    assert browser.value("document.scrollingElement.scrollLeft = 50, document.scrollingElement.scrollLeft") == 0
    ground = browser.screenshot().getpixel((2, 2))
    assert min(ground) > 240 if scheme == "light" else max(ground) < 40


def test_nothing_is_asked_of_the_network_and_no_name_runs(browser: Browser, report: Path):
    browser.show(report, 1280, 800, "light")
    asked = [event["params"]["request"]["url"] for event in browser.events if "request" in event.get("params", {})]
    assert asked and all(url == report.as_uri() or url.startswith("data:image/webp") for url in asked)
    assert browser.value("typeof window.attacked") == "undefined"
    assert not [
        event for event in browser.events if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")
    ]


def test_the_slider_is_reached_and_moved_by_keyboard(browser: Browser, report: Path):
    browser.show(report, 1280, 800, "light")
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
        browser.show(report, 360, 740, "light")
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
