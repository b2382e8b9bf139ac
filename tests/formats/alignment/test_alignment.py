"""The geometry of a face's crop: its chunk, the FFHQ formula, cutting and pasting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grain_codec.errors import BadImage, Corrupt
from grain_codec.formats import container
from grain_codec.formats.alignment.cropping import FEATHER, cut, empty_canvas, paste
from grain_codec.formats.alignment.placement import Alignment, ffhq_square, find_alignment, from_chunk

EXAMPLE = Alignment(640, 480, 0x4000, 0x3000, 0x2000, 0)
EXAMPLE_CONTENT = bytes.fromhex("80 02 e0 01 00 40 00 30 00 20 00 00")


@st.composite
def alignments(draw: st.DrawFn, most: int = 0xFFFF) -> Alignment:
    """Alignments in photos with at most `most` pixels a side."""
    width, height = draw(st.integers(16, most)), draw(st.integers(16, most))
    signed = st.integers(-0x8000, 0x7FFF)
    assume(width * height <= 100_000_000)
    unit = max(width, height) / 0x8000
    centre_x, centre_y = draw(st.integers(0, int(width / unit))), draw(st.integers(0, int(height / unit)))
    axis_x, axis_y = draw(signed), draw(signed)
    assume(abs(complex(axis_x, axis_y)) * unit >= 8)
    return Alignment(width, height, centre_x, centre_y, axis_x, axis_y)


complex_numbers = st.complex_numbers(max_magnitude=1e4, allow_nan=False, allow_infinity=False)


def placed(width: int, height: int, centre: complex, side: float, degrees: float) -> Alignment:
    """The alignment of a crop with this middle, side in pixels and angle."""
    return Alignment.nearest(width, height, centre, side / 2 * np.exp(1j * np.radians(degrees)))


def smooth_photo(width: int, height: int) -> np.ndarray:
    """A photo of waves that are long enough to survive any resampling, uint8 `[height, width, 3]`."""
    row, column = np.mgrid[0:height, 0:width]
    waves = [np.sin(column / 31 + row / 47), np.cos(row / 37), np.sin(column / 53 - row / 29)]
    return (128 + 100 * np.stack(waves, -1)).round().astype(np.uint8)


def share_from_centre(alignment: Alignment) -> np.ndarray:
    """Distance of each pixel of the photo from the crop's middle, where 1 is on the crop's edges."""
    row, column = np.mgrid[0 : alignment.height, 0 : alignment.width]
    inside = (column + 0.5 + 1j * (row + 0.5) - alignment.centre) / alignment.axis
    return np.maximum(abs(inside.real), abs(inside.imag))


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """PSNR in dB of samples up to 255."""
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((first.astype(float) - second) ** 2))))


def test_documented_bytes() -> None:
    assert EXAMPLE.to_chunk() == container.Chunk(0x08, EXAMPLE_CONTENT)
    assert from_chunk(EXAMPLE_CONTENT) == EXAMPLE
    assert (EXAMPLE.centre, EXAMPLE.axis, EXAMPLE.side) == (320 + 240j, 160, 320)


@given(alignments())
@settings(deadline=None)
def test_chunk_round_trip(alignment: Alignment) -> None:
    assert from_chunk(alignment.to_chunk().content) == alignment


@given(st.binary(min_size=12, max_size=12))
@settings(deadline=None)
def test_whatever_is_accepted_is_what_is_written(content: bytes) -> None:
    try:
        alignment = from_chunk(content)
    except Corrupt:
        return
    assert alignment.to_chunk().content == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        EXAMPLE_CONTENT[:-1],
        EXAMPLE_CONTENT + b"\0",
        bytes(12),
        bytes.fromhex("0f00 e001 0040 0030 0020 0000"),  # 15 pixels wide
        bytes.fromhex("ffff ffff 0040 0030 0020 0000"),  # more than 100 million pixels
        bytes.fromhex("8002 e001 0180 0030 0020 0000"),  # the middle right of the photo
        bytes.fromhex("8002 e001 0040 0160 0020 0000"),  # the middle below the photo
        bytes.fromhex("8002 e001 0040 0030 0000 0000"),  # no axis
        bytes.fromhex("8002 e001 0040 0030 9801 0000"),  # a crop of less than 16 pixels
    ],
)
def test_other_contents_are_refused(content: bytes) -> None:
    with pytest.raises(Corrupt, match="alignment"):
        from_chunk(content)


def test_squares_that_cannot_be_stored_are_refused() -> None:
    for centre, axis in [(-20, 50), (320 + 500j, 50), (320 + 240j, 3), (320 + 240j, 700)]:
        with pytest.raises(BadImage, match="alignment"):
            Alignment.nearest(640, 480, centre, axis)


@given(st.floats(17, 600), st.floats(-180, 180))
@settings(deadline=None)
def test_stored_square_is_near(side: float, degrees: float) -> None:
    axis = side / 2 * np.exp(1j * np.radians(degrees))
    stored = Alignment.nearest(4000, 3000, 1999.93 + 1000.07j, axis)
    assert abs(stored.centre - (1999.93 + 1000.07j)) < 0.1 and abs(stored.axis - axis) < 0.1


@pytest.mark.parametrize(
    ("eyes", "mouth"),
    [
        (((40, 50), (60, 50)), ((43, 75), (57, 75))),
        (((40, 50), (90, 55)), ((43, 75), (70, 77))),
        (((10.5, 80), (12, 20)), ((60, 70), (63, 33))),
    ],
)
def test_ffhq_square_follows_the_published_formula(eyes: tuple, mouth: tuple) -> None:
    (e0, e1), (m0, m1) = np.array(eyes, float), np.array(mouth, float)
    # As printed in the paper: x', y', the centre c, the size s, and the unit vector x.
    across, up = e1 - e0, (e0 + e1) / 2 - (m0 + m1) / 2
    c = (e0 + e1) / 2 - 0.1 * up
    s = max(4.0 * np.hypot(*across), 3.6 * np.hypot(*up))
    x = across - np.array([up[1], -up[0]])
    x /= np.hypot(*x)
    centre, axis = ffhq_square(complex(*e0), complex(*e1), complex(*(m0 + m1)) / 2)
    assert np.allclose([centre.real, centre.imag], c)
    assert np.allclose([axis.real, axis.imag], x * s / 2)


def test_ffhq_square_of_an_upright_face_is_upright() -> None:
    centre, axis = ffhq_square(40 + 50j, 60 + 50j, 50 + 70j)
    assert centre == pytest.approx(50 + 52j)
    assert axis == pytest.approx(40)


@given(complex_numbers, complex_numbers.filter(lambda factor: abs(factor) > 1e-2))
@settings(deadline=None)
def test_ffhq_square_moves_turns_and_scales_with_the_face(shift: complex, factor: complex) -> None:
    points = (40 + 50j, 61 + 48j, 50 + 74j)
    centre, axis = ffhq_square(*points)
    moved_centre, moved_axis = ffhq_square(*(point * factor + shift for point in points))
    assert abs(moved_centre - (centre * factor + shift)) <= 1e-6 * (1 + abs(factor) + abs(shift))
    assert abs(moved_axis - axis * factor) <= 1e-6 * (1 + abs(factor) + abs(shift))


def test_upright_crop_of_the_right_size_is_a_part_of_the_photo() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    assert np.array_equal(cut(photo, EXAMPLE, 320), photo[80:400, 160:480])


def test_quarter_turn() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    turned = Alignment(640, 480, EXAMPLE.centre_x, EXAMPLE.centre_y, 0, EXAMPLE.axis_x)
    assert np.array_equal(cut(photo, turned, 320), np.rot90(photo[80:400, 160:480]))


@given(st.floats(40, 380), st.floats(-180, 180), st.floats(270, 370), st.floats(270, 290))
@settings(deadline=None, max_examples=30)
def test_every_sample_comes_from_its_place(side: float, degrees: float, x: float, y: float) -> None:
    row, column = np.mgrid[0:560, 0:640]
    photo = np.stack([column * 255 / 640, row * 255 / 560, 0 * row], -1).round().astype(np.uint8)
    alignment = placed(640, 560, complex(x, y), side, degrees)
    face = cut(photo, alignment, 128)
    row, column = (np.mgrid[0:128, 0:128] + 0.5) / 64 - 1
    source = alignment.centre + (column + 1j * row) * alignment.axis - (0.5 + 0.5j)
    assert abs(face[..., 0] - source.real * 255 / 640).max() < 1.5
    assert abs(face[..., 1] - source.imag * 255 / 560).max() < 1.5


@pytest.mark.parametrize("degrees", [0, 20])
def test_large_faces_are_shrunk_without_aliasing(degrees: float) -> None:
    row, column = np.mgrid[0:800, 0:800]
    board = np.repeat(((row + column) % 2 * 255).astype(np.uint8)[..., None], 3, 2)
    face = cut(board, placed(800, 800, 400 + 400j, 500.5, degrees), 64)
    assert face.std() < 4


def test_photo_is_reflected_beyond_its_edges() -> None:
    photo = smooth_photo(200, 150)
    face = cut(photo, placed(200, 150, 0 + 75j, 64, 0), 64).astype(int)
    assert np.array_equal(face, face[:, ::-1])
    assert abs(face[:, 32:] - photo[43:107, :32]).max() <= 1


@given(alignments(most=64), st.integers(1, 40))
@settings(deadline=None)
def test_every_alignment_can_be_cut_and_pasted(alignment: Alignment, size: int) -> None:
    photo = np.full((alignment.height, alignment.width, 3), 90, np.uint8)
    face = cut(photo, alignment, size)
    assert face.shape == (size, size, 3)
    assert (face == 90).all()
    assert abs(paste(face, alignment, photo).astype(int) - 90).max() <= 1


@given(st.floats(80, 420), st.floats(-180, 180), st.floats(0, 400), st.floats(0, 300))
@settings(deadline=None, max_examples=30)
def test_paste_brings_the_face_back(side: float, degrees: float, x: float, y: float) -> None:
    photo, alignment = smooth_photo(400, 300), placed(400, 300, complex(x, y), side, degrees)
    canvas = empty_canvas(alignment, transparent=False)
    pasted = paste(cut(photo, alignment, 256), alignment, canvas)
    share = share_from_centre(alignment)
    inner, outer = share < 1 - 2 * FEATHER, share > 1 + 3 / abs(alignment.axis)
    assert inner.any()
    assert psnr(pasted[inner], photo[inner]) > 40
    assert np.array_equal(pasted[outer], canvas[outer])
    assert (canvas == 128).all()


def test_pasting_onto_the_photo_leaves_no_seam() -> None:
    photo, alignment = smooth_photo(700, 600), placed(700, 600, 300 + 280j, 350, 17)
    assert psnr(paste(cut(photo, alignment, 256), alignment, photo), photo) > 45


def test_transparent_canvas() -> None:
    photo, alignment = smooth_photo(300, 260), placed(300, 260, 150 + 120j, 120, -12)
    pasted = paste(cut(photo, alignment, 128), alignment, empty_canvas(alignment, transparent=True))
    share = share_from_centre(alignment)
    assert (pasted[share < 1 - 2.5 * FEATHER, 3] == 255).all()
    assert (pasted[share > 1.1] == 0).all()
    seen = pasted[..., 3] > 64
    assert psnr(pasted[seen, :3], photo[seen]) > 35


def test_canvas_of_another_size_is_refused() -> None:
    with pytest.raises(BadImage, match="640x479.*640x480"):
        paste(np.zeros((64, 64, 3), np.uint8), EXAMPLE, np.zeros((479, 640, 3), np.uint8))


def test_alignment_among_other_chunks() -> None:
    chunks = (container.Chunk(container.EXIF, b"II"), EXAMPLE.to_chunk(), container.Chunk(0x80, b""))
    stored = container.pack(container.StoredFace(22, b"abc", b"face", chunks))
    assert find_alignment(container.unpack(stored).chunks) == EXAMPLE


def test_files_without_an_alignment_are_refused() -> None:
    with pytest.raises(BadImage, match="holds no alignment"):
        find_alignment((container.Chunk(container.EXIF, b"II"),))
