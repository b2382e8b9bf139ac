"""The viewer as a reader meets it: in headless Chromium, from a plain file server, with files, codes and a camera."""

from __future__ import annotations

import base64
import functools
import http.server
import io
import shutil
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chromium import CHROMIUM, Browser
from PIL import Image

import grain_codec
from grain_codec.codec import Codec, load_decoder, low_resolution_image
from grain_codec.formats import qr_carrier
from grain_codec.settings import DecodeSettings, EncodeSettings

DIST = Path(__file__).resolve().parents[2] / "viewer/dist"
SECONDS, SECONDS_OF_DECODE = 3.0, 0.6
"""A face appears within SECONDS where `fused` takes ONNX Runtime SECONDS_OF_DECODE, as on two idle cores."""

PATIENCE = 300.0
TAB, SPACE, ARROW_DOWN = ("Tab", 9), (" ", 32), ("ArrowDown", 40)

base45 = pytest.importorskip("base45")
segno = pytest.importorskip("segno")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
    pytest.mark.skipif(not (DIST / "service-worker.js").exists(), reason="the viewer is not built: make viewer"),
]


class Server:
    """A folder behind Python's own file server, on a port of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Page:
    """The viewer in a tab."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self._url = browser, url
        self.load()

    def load(self, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Opens the page and waits until its networks are loaded, or a sentence says why they are not."""
        self.browser.show(self._url, width, height, scheme)
        self.wait("document.getElementById('status')?.textContent.startsWith('Ready') || problems().length")

    def value(self, expression: str) -> object:
        return self.browser.value(
            "{const article = document.querySelector('article');"
            "const problems = () => [...document.querySelectorAll('#problems li')].map(each => each.textContent);"
            f"{expression}}}"
        )

    def wait(self, expression: str) -> None:
        """Waits until an expression is true."""
        deadline = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < deadline, (expression, self.value("document.body?.innerText"))
            time.sleep(0.05)

    def choose(self, *paths: Path) -> None:
        """Chooses files, as the file dialogue does."""
        self.browser.send("DOM.setFileInputFiles", files=[str(path) for path in paths], objectId=self.object("#files"))

    def object(self, selector: str) -> str:
        found = self.browser.send("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        return found["result"]["objectId"]

    def wait_for_face(self, name: str) -> None:
        """Waits until the face of a file is the first on the page, and drawn."""
        self.wait(f"article?.querySelector('h2').textContent === {name!r}")
        self.wait("article.querySelector('.save').disabled === false")

    def wait_for_problem(self) -> str:
        self.wait("problems().length")
        (sentence,) = self.value("problems()")
        return sentence

    def pixels(self, canvas: str) -> np.ndarray:
        """The pixels of a canvas of the first face, uint8 `[height, width, 3]`."""
        data = self.value(f"article.querySelector({canvas!r}).toDataURL()")
        return np.array(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB"))

    def tab_to(self, expression: str) -> None:
        """Moves the focus by keyboard until an expression about `focused` is true, and checks that it can be seen."""
        for _ in range(40):
            self.browser.press(*TAB)
            if self.value(f"const focused = document.activeElement; {expression}"):
                break
        assert self.value(f"const focused = document.activeElement; {expression}"), expression
        outlined = "const shown = document.activeElement.closest('label.button') ?? document.activeElement;"
        assert self.value(f"{outlined} getComputedStyle(shown).outlineStyle") == "solid"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("viewer")


@pytest.fixture(scope="module")
def face_file(face: np.ndarray) -> bytes:
    return grain_codec.encode(face, max_bytes=300)


@pytest.fixture(scope="module")
def face_path(folder: Path, face_file: bytes) -> Path:
    return written(folder / "anna.grain", face_file)


@pytest.fixture(scope="module")
def code(face_file: bytes) -> Image.Image:
    """The QR code of the face, in grey."""
    return Image.open(io.BytesIO(qr_carrier.pack(face_file).picture)).convert("L")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server(DIST)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Browser]:
    started = Browser(folder / "profile")
    yield started
    started.close()


@pytest.fixture(scope="module")
def page(browser: Browser, server: Server) -> Page:
    return Page(browser, server.url)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def is_near(drawn: np.ndarray, expected: np.ndarray) -> bool:
    """Whether 99 % of the samples lie within two levels."""
    assert drawn.shape == expected.shape
    return bool((np.abs(drawn.astype(int) - expected) <= 2).mean() >= 0.99)


def test_a_face_appears_soon_and_as_grain_decode_draws_it(page: Page, face_path: Path, face_file: bytes):
    decoder = load_decoder()
    decoder.decode(face_file)
    started = time.monotonic()
    expected = decoder.decode(face_file)
    slowness = max(1.0, (time.monotonic() - started) / SECONDS_OF_DECODE)
    started = time.monotonic()
    page.choose(face_path)
    page.wait_for_face("anna.grain")
    assert time.monotonic() - started < SECONDS * slowness
    assert is_near(page.pixels(".drawn"), expected)
    assert (page.pixels(".lr") == low_resolution_image(face_file)).all()
    described = page.value("article.querySelector('dl').textContent")
    assert f"{len(face_file)} bytes" in described and face_file[6:9].hex() in described
    assert f"fine quality {face_file[5]}" in described


def test_the_keyboard_switches_to_rescaled_and_saves_it(page: Page, face_path: Path, face_file: bytes, tmp_path: Path):
    page.load()
    page.choose(face_path)
    page.wait_for_face("anna.grain")
    page.tab_to("focused.value === 'fused'")
    page.browser.press(*ARROW_DOWN)
    page.wait("article.querySelector('figure:last-child figcaption').textContent.includes('rescaled')")
    page.browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.tab_to("focused.className === 'save'")
    page.browser.press(*SPACE)
    saved, deadline = tmp_path / "anna.rescaled.png", time.monotonic() + PATIENCE
    while not saved.exists() and time.monotonic() < deadline:
        page.value("0")
    expected = load_decoder().decode(face_file, DecodeSettings(output="rescaled"))
    assert is_near(np.array(Image.open(saved).convert("RGB")), expected)


def test_every_control_is_reached_by_keyboard(page: Page):
    page.load()
    for control in ("files", "camera", "paste"):
        page.tab_to(f"focused.id === {control!r}")
        assert page.value("(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()")


def test_pasted_text_is_read(page: Page, face_file: bytes):
    page.load()
    page.tab_to("focused.id === 'paste'")
    page.browser.press(*SPACE)
    page.wait("document.activeElement.id === 'text'")
    page.browser.send("Input.insertText", text=base45.b45encode(face_file).decode() + "\n")
    page.tab_to("focused.type === 'submit'")
    page.browser.press(*SPACE)
    page.wait_for_face("Pasted text")
    assert (page.pixels(".lr") == low_resolution_image(face_file)).all()


def test_a_dropped_photograph_of_a_qr_code_is_read(page: Page, code: Image.Image, face_file: bytes, folder: Path):
    photograph = folder / "photograph.jpg"
    code.rotate(12, Image.Resampling.BICUBIC, expand=True, fillcolor=190).save(photograph, quality=70)
    data = {"items": [], "files": [str(photograph)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.browser.send("Input.dispatchDragEvent", type=kind, x=640, y=200, data=data)
    page.wait_for_face("photograph.jpg")
    assert (page.pixels(".lr") == low_resolution_image(face_file)).all()


def test_a_carrier_and_a_code_in_byte_mode_are_read_one_after_the_other(
    page: Page, face_file: bytes, codec: Codec, faces: dict[str, np.ndarray], folder: Path
):
    carrier = codec.encode(faces["mia"], EncodeSettings(carrier="png", quality=8))
    binary = qr_carrier.pack(face_file, binary=True).picture
    page.choose(written(folder / "mia.grain.png", carrier), written(folder / "bytes.png", binary))
    page.wait_for_face("bytes.png")
    assert (page.pixels(".lr") == low_resolution_image(face_file)).all()
    page.value("article.remove()")
    page.wait_for_face("mia.grain.png")
    assert (page.pixels(".lr") == low_resolution_image(carrier)).all()


def test_what_cannot_be_shown_is_told_in_a_sentence(page: Page, face_file: bytes, folder: Path):
    damaged, other = bytearray(face_file), bytearray(face_file)
    damaged[40] ^= 1
    other[6] ^= 1
    other[-3:] = (zlib.crc32(bytes(other[:-3])) & 0xFFFFFF).to_bytes(3, "little")
    elsewhere = io.BytesIO()
    segno.make("HTTPS://EXAMPLE.ORG").save(elsewhere, kind="png", scale=8)
    for name, content, reason in (
        ("damaged.grain", bytes(damaged), "damaged"),
        ("cut.grain", face_file[:100], "cut short"),
        ("other.grain", bytes(other), "weights"),
        ("link.png", elsewhere.getvalue(), "something else than a face"),
        ("notes.txt", b"some notes", ""),
    ):
        page.choose(written(folder / name, content))
        page.wait(f"problems()[0]?.startsWith({name + ': '!r})")
        sentence = page.wait_for_problem()
        assert reason in sentence and sentence.endswith("."), sentence
    assert page.value("document.querySelector('#problems').getAttribute('role')") == "alert"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_narrow_screen_and_follows_the_scheme(page: Page, face_path: Path, scheme: str):
    page.load(400, 800, scheme)
    page.choose(face_path)
    page.wait_for_face("anna.grain")
    assert page.value("document.scrollingElement.scrollWidth <= innerWidth")
    assert page.value("document.scrollingElement.scrollLeft = 50, document.scrollingElement.scrollLeft") == 0
    ground = page.browser.screenshot().getpixel((2, 2))
    assert min(ground) > 230 if scheme == "light" else max(ground) < 50


def test_the_camera_finds_a_code(server: Server, code: Image.Image, face_file: bytes, tmp_path: Path):
    view = Image.new("RGB", (640, 480), "grey")
    view.paste(code.resize((440, 440)), (100, 20))
    view.save(tmp_path / "camera.mjpeg", "JPEG", quality=90)
    fakes = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    browser = Browser(tmp_path / "profile", *fakes, f"--use-file-for-fake-video-capture={tmp_path / 'camera.mjpeg'}")
    try:
        page = Page(browser, server.url)
        page.value("document.getElementById('camera').click()")
        page.wait_for_face("QR code")
        assert (page.pixels(".lr") == low_resolution_image(face_file)).all()
        assert page.value("document.querySelector('video').srcObject === null")
    finally:
        browser.close()


def test_without_webassembly_the_lr_image_is_shown(server: Server, face_path: Path, face_file: bytes, tmp_path: Path):
    browser = Browser(tmp_path / "profile", "--js-flags=--jitless")  # Then V8 has no WebAssembly.
    try:
        page = Page(browser, server.url)
        assert "no WebAssembly" in page.wait_for_problem()
        page.choose(face_path)
        page.wait("article && problems()[0]?.startsWith('anna.grain: ')")
        assert "no WebAssembly" in page.wait_for_problem()
        assert (page.pixels(".lr") == low_resolution_image(face_file)).all()
    finally:
        browser.close()


def test_an_incomplete_network_file_is_told_and_not_kept(browser: Browser, tmp_path: Path):
    copy = shutil.copytree(DIST, tmp_path / "dist")
    (weights,) = (path for path in copy.glob("networks/*.safetensors") if "tables" not in path.name)
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    server = Server(copy)
    try:
        page = Page(browser, server.url)
        assert f"{weights.name} is incomplete" in page.wait_for_problem()
        weights.write_bytes(whole)
        page.load()
        assert page.value("problems()") == []
    finally:
        server.stop()


def test_after_the_first_visit_the_page_needs_no_network(browser: Browser, face_path: Path, face_file: bytes):
    server = Server(DIST)
    page = Page(browser, server.url)
    files = sum(1 for path in DIST.rglob("*") if path.is_file() and path.name != "service-worker.js")
    browser.send("Runtime.evaluate", expression="let kept = 0", returnByValue=True)
    while browser.value("kept") < files:
        browser.value("caches.open('grain-viewer').then(cache => cache.keys()).then(keys => { kept = keys.length }), 0")
        time.sleep(0.1)
    server.stop()
    page.load()
    page.choose(face_path)
    page.wait_for_face("anna.grain")
    assert (page.pixels(".lr") == low_resolution_image(face_file)).all()


def test_nothing_else_was_asked_and_the_policy_held(page: Page, server: Server, face_path: Path):
    page.load()
    page.choose(face_path)
    page.wait_for_face("anna.grain")
    events = page.browser.events
    asked = [event["params"]["request"]["url"] for event in events if "request" in event.get("params", {})]
    assert asked and all(url.startswith((server.url, f"blob:{server.url}", "data:")) for url in asked)
    complaints = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    assert not [event for event in events if event.get("method") in complaints]
