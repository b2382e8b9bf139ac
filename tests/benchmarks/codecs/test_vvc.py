"""VVC as a rival: whole streams, streams with agreed headers, and what is said where FFmpeg is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grain_codec.benchmarks import packages
from grain_codec.benchmarks.codecs import ffmpeg, vvc_stream
from grain_codec.benchmarks.codecs import vvc as vvc_format
from grain_codec.benchmarks.codecs.ffmpeg import FFmpegFailed, require_ffmpeg, run_ffmpeg
from grain_codec.benchmarks.codecs.prescaled import PrescaledCodec, Trial, shrunk
from grain_codec.benchmarks.codecs.vvc import COARSEST, Vvc, VvcImplied, agreed_sets
from grain_codec.benchmarks.metrics.psnr import psnr
from grain_codec.benchmarks.packages import PackageMissing

CAPS = (200, 484)


@pytest.fixture
def vvc() -> Vvc:
    """The format; the test is skipped where no FFmpeg can write it."""
    try:
        Vvc().prepare()
    except PackageMissing as error:
        pytest.skip(str(error))
    return Vvc()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the encoder quick, for tests that search; the agreed headers depend on its preset."""
    monkeypatch.setattr(vvc_format, "PRESET", "faster")
    agreed_sets.cache_clear()
    yield
    agreed_sets.cache_clear()


@pytest.fixture
def small(face: np.ndarray) -> np.ndarray:
    """A face at 64 px, on which searches are quick."""
    return np.asarray(shrunk(face, 64))


def trial(side: int, quantiser: int) -> Trial:
    return Trial(side, "", COARSEST - quantiser)


def test_a_picture_comes_back(vvc: Vvc, face: np.ndarray) -> None:
    image = shrunk(face, 64)
    near, far = (vvc.encode(image, trial(64, quantiser)) for quantiser in (22, 45))
    assert vvc.decode(near).size == vvc.decode(far).size == (64, 64)
    assert psnr(np.asarray(vvc.decode(near)), np.asarray(image)) > 32
    assert len(near) > 3 * len(far)


@pytest.mark.parametrize("quantiser", [20, 32, 45, 63])
def test_nothing_is_needed_but_the_agreed_headers_and_the_slice(vvc: Vvc, face: np.ndarray, quantiser: int) -> None:
    """With the headers of a grey picture at another quantiser the picture is the same."""
    image = shrunk(face, 96)
    whole = vvc.encode(image, trial(96, quantiser))
    implied = VvcImplied().encode(image, trial(96, quantiser))
    assert len(implied) <= len(whole) - 65
    rest = [unit for unit in vvc_stream.units(whole) if unit not in agreed_sets(96)]
    # Two bytes of each unit are its header; a start code of three stands between two units; four bytes come before all.
    assert len(implied) == 4 + sum(len(unit) - 2 for unit in rest) + 3 * (len(rest) - 1)
    # Its own picture parameter sets and no others: this fails if anything in them depends on the quantiser.
    assert vvc_stream.parameter_sets(whole) == agreed_sets(96)
    assert np.array_equal(np.asarray(VvcImplied().decode(implied)), np.asarray(vvc.decode(whole)))


def test_a_reader_that_never_saw_the_picture_decodes_it(vvc: Vvc, face: np.ndarray, tmp_path: Path) -> None:
    """Another process, which has the file alone, draws the same picture."""
    implied = VvcImplied().encode(shrunk(face, 64), trial(64, 40))
    (tmp_path / "face").write_bytes(implied)
    program = (
        "import sys; from pathlib import Path; from grain_codec.benchmarks.codecs.vvc import VvcImplied; "
        "VvcImplied().decode(Path(sys.argv[1]).read_bytes()).save(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "face", tmp_path / "face.png"], check=True, timeout=120)
    drawn = np.asarray(Image.open(tmp_path / "face.png"))
    assert np.array_equal(drawn, np.asarray(VvcImplied().decode(implied)))


def test_bytes_fall_with_the_quantiser(vvc: Vvc, face: np.ndarray) -> None:
    """The search over qualities relies on this."""
    sizes = [len(vvc.encode(shrunk(face, 48), trial(48, quantiser))) for quantiser in range(63, 19, -6)]
    assert sizes == sorted(sizes)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("format", [Vvc, VvcImplied])
def test_files_keep_to_their_caps(vvc: Vvc, small: np.ndarray, format: type[Vvc]) -> None:
    codec = PrescaledCodec(format(), rungs=CAPS, quick=True)
    found = [codec.best_under(small, cap)[0] for cap in CAPS]
    for coded, cap in zip(found, CAPS, strict=True):
        assert cap // 2 < len(coded.data) <= cap
        assert coded.payload_bytes is not None and 0 < coded.payload_bytes < len(coded.data)
        image = format().decode(coded.data)
        assert image.size == (coded.prescale, coded.prescale)
        assert np.array_equal(np.asarray(image.resize((64, 64), Image.Resampling.LANCZOS)), coded.pixels)
    assert psnr(found[0].pixels, small) < psnr(found[1].pixels, small)
    assert not codec.best_under(small, 8)
    assert "libvvenc" in codec.settings and found[0].setting.startswith("QP ")


@pytest.mark.usefixtures("hasty")
def test_agreed_headers_leave_more_for_the_picture(vvc: Vvc, small: np.ndarray) -> None:
    whole, implied = (PrescaledCodec(format, quick=True).best_under(small, 200)[0] for format in (vvc, VvcImplied()))
    assert psnr(implied.pixels, small) > psnr(whole.pixels, small)


class TestStream:
    """The units of a stream, without any encoder."""

    sequence, picture = b"\x00\x79sequence", b"\x00\x81picture"
    adaptation, slice = b"\x00\x89\x01filter", b"\x00\x41\x02samples"
    agreed = (sequence, picture)

    def joined(self, *units: bytes) -> bytes:
        return b"\0" + b"\0\0\1".join((b"", *units))

    def test_units_are_found_whatever_zeros_stand_around_them(self) -> None:
        stream = b"\0\0\0\1" + self.sequence + b"\0\0\0\0\1" + self.picture + b"\0\0\1" + self.slice + b"\0\0"
        assert vvc_stream.units(stream) == [self.sequence, self.picture, self.slice]
        assert [vvc_stream.unit_type(unit) for unit in vvc_stream.units(stream)] == [15, 16, 8]

    @pytest.mark.parametrize("stream", [b"", b"no start code", b"x\0\0\1\0\x41slice", b"\0\0\1\0\0\1\0\x41slice"])
    def test_what_is_no_stream_is_refused(self, stream: bytes) -> None:
        with pytest.raises(vvc_stream.BadStream):
            vvc_stream.units(stream)

    def test_adaptation_sets_are_counted_and_come_back(self) -> None:
        stream = self.joined(*self.agreed, self.adaptation, self.slice)
        data = vvc_stream.without_parameter_sets(stream, 96, self.agreed)
        assert data == b"\0\x60\0\x12" + b"\x01filter" + b"\0\0\1" + b"\x02samples"
        assert vvc_stream.side_of(data) == 96
        restored = vvc_stream.with_parameter_sets(data, self.agreed)
        assert vvc_stream.units(restored) == vvc_stream.units(stream)

    def test_other_parameter_sets_and_other_units_are_refused(self) -> None:
        with pytest.raises(vvc_stream.BadStream, match="agreed"):
            vvc_stream.without_parameter_sets(self.joined(self.sequence, self.slice), 96, self.agreed)
        for unit in (b"\x00\xb9message", b"\x01\x41of another layer"):
            with pytest.raises(vvc_stream.BadStream):
                vvc_stream.without_parameter_sets(self.joined(*self.agreed, unit, self.slice), 96, self.agreed)
            with pytest.raises(vvc_stream.BadStream):
                vvc_stream.without_parameter_sets(self.joined(*self.agreed, unit), 96, self.agreed)

    @pytest.mark.parametrize("data", [b"", b"\0\x60\0", b"\0\x60\0\x05four"])
    def test_torn_files_are_refused(self, data: bytes) -> None:
        with pytest.raises(vvc_stream.BadStream):
            vvc_stream.with_parameter_sets(data, self.agreed)


class TestProgram:
    """FFmpeg as a program that may be missing, fail or hang."""

    def script(self, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
        """Puts a shell script in FFmpeg's place."""
        if sys.platform == "win32":
            pytest.skip("the stand-in for FFmpeg is a shell script")
        pytest.importorskip("imageio_ffmpeg")
        program = folder / "ffmpeg"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        monkeypatch.setattr(ffmpeg, "ffmpeg_program", lambda codec: str(program))
        return str(program)

    def test_a_missing_package_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packages, "find_spec", lambda name: None)
        with pytest.raises(PackageMissing, match=r'VVC needs .*pip install .*"imageio-ffmpeg'):
            Vvc().prepare()

    def test_a_program_without_the_encoder_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = self.script(tmp_path, monkeypatch, "echo ' V....D libx264 H.264'")
        with pytest.raises(PackageMissing, match="libvvenc") as caught:
            require_ffmpeg("VVC", "libvvenc", "vvc")
        assert program in str(caught.value)

    def test_no_program_for_this_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")

        def nothing() -> str:
            raise RuntimeError("No ffmpeg exe could be found.")

        monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", nothing)
        with pytest.raises(PackageMissing, match="VVC needs FFmpeg"):
            require_ffmpeg("VVC", "libvvenc", "vvc")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("echo 'Unknown encoder' >&2; echo more >&2; exit 3", "VVC: ffmpeg failed: Unknown encoder"),
            ("exit 4", "VVC: ffmpeg failed: exit code 4"),
            ("exit 0", "VVC: ffmpeg wrote nothing"),
            ("exec sleep 20", "VVC: ffmpeg was ended after 1 seconds"),
        ],
    )
    def test_failures_name_the_codec(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
    ) -> None:
        self.script(tmp_path, monkeypatch, text)
        monkeypatch.setattr(ffmpeg, "SECONDS", 1)
        with pytest.raises(FFmpegFailed, match=said):
            run_ffmpeg("VVC", [], b"")

    def test_a_program_that_cannot_be_started(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ffmpeg, "ffmpeg_program", lambda codec: str(tmp_path / "none"))
        with pytest.raises(FFmpegFailed, match="VVC: ffmpeg cannot be started"):
            run_ffmpeg("VVC", [], b"")
