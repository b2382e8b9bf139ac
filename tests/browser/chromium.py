"""Chromium, driven by its DevTools protocol; for tests of pages as readers meet them."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import select
import subprocess
import time
from pathlib import Path

from PIL import Image

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
PATIENCE = 60.0


class Browser:
    """One tab of Chromium, driven by its DevTools protocol over a pair of pipes."""

    def __init__(self, profile: Path, *flags: str) -> None:
        commands_end, self._commands = os.pipe()
        self._answers, answers_end = os.pipe()
        # Chromium listens on descriptor 3 and answers on 4.
        script = f'exec "$@" 3<&{commands_end} 4>&{answers_end}'
        command = [str(CHROMIUM), *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
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

    def show(self, url: str, width: int, height: int, scheme: str) -> None:
        """Opens a page on a screen of so many CSS pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.send("Page.navigate", url=url)
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
