"""The formats that a user would pick instead: JPEG, WebP, AVIF, JPEG XL, JPEG 2000 and HEIC, as Pillow writes them.

Each is set to be as near as it can within the bytes, not to be fast. Of several kinds of file the smallest that
usual readers open is counted: JPEG XL and JPEG 2000 as bare codestreams.
"""

from importlib.metadata import version
from typing import Any

from PIL import features

from grain_codec.benchmarks.codecs.containers import media_data_bytes, webp_payload_bytes
from grain_codec.benchmarks.codecs.pillow_format import PillowFormat
from grain_codec.benchmarks.codecs.prescaled import Trial

CHROMA_SAMPLINGS = ("4:2:0", "4:4:4")
AVIF_DRAFT_SPEED, AVIF_THOROUGH_SPEED = 9, 3
AVIF_REFINEMENT = f", then speed {AVIF_THOROUGH_SPEED} for the best two"
JXL_PACKAGE = "pillow-jxl-plugin"
JXL_DRAFT_EFFORT, JXL_THOROUGH_EFFORT = 3, 7
JXL_REFINEMENT = f", then effort {JXL_THOROUGH_EFFORT} for the best two"
HEIF_PACKAGE = "pillow-heif"
HEVC_OPTIONS = {"preset": "slow", "tune": "psnr"}  # On training faces slower presets made files larger and no nearer.

HEVC_THREADS = {"x265:pools": "none", "x265:frame-threads": "1"}
JPEG2000_QUALITIES = range(201)
JPEG2000_COARSEST_RATIO = 1000.0


def _pillow() -> str:
    return f"Pillow {version('pillow')}"


def _avif_options(trial: Trial) -> dict[str, Any]:
    speed = AVIF_THOROUGH_SPEED if trial.thorough else AVIF_DRAFT_SPEED
    options = {"quality": trial.quality, "subsampling": trial.mode, "advanced": {"tune": "psnr"}}
    return {"speed": speed, "max_threads": 1, **options}


def _jxl_options(trial: Trial) -> dict[str, Any]:
    effort = JXL_THOROUGH_EFFORT if trial.thorough else JXL_DRAFT_EFFORT
    return {"quality": trial.quality, "effort": effort, "num_threads": 1}


def _jpeg2000_options(trial: Trial) -> dict[str, Any]:
    options = {"quality_mode": "rates", "quality_layers": [_ratio(trial)], "irreversible": True, "mct": 1}
    return {"no_jp2": True, **options}


def _hevc_encoder() -> str:
    """Names and versions of libheif and its HEVC encoder."""
    from pillow_heif import libheif_info

    info = libheif_info()
    return f"{info['HEIF']}, libheif {info['libheif']}"


def _ratio(trial: Trial) -> float:
    """The compression ratio that stands for a quality of JPEG 2000."""
    return float(JPEG2000_COARSEST_RATIO ** (1 - trial.quality / JPEG2000_QUALITIES[-1]))


JPEG = PillowFormat(
    name="jpeg",
    pillow_name="JPEG",
    describe=lambda quick: (
        f"libjpeg-turbo {features.version('libjpeg_turbo') or features.version('jpg')}, {_pillow()}: optimised "
        "Huffman tables, 4:2:0 and 4:4:4, no progression (it makes small files larger). "
        "Payload bytes: not given, since the tables are part of the coding."
    ),
    options=lambda trial: {"quality": trial.quality, "subsampling": trial.mode, "optimize": True},
    payload_bytes=lambda data: None,
    modes=CHROMA_SAMPLINGS,
    qualities=range(1, 101),
)
WEBP = PillowFormat(
    name="webp",
    pillow_name="WEBP",
    describe=lambda quick: (
        f"libwebp {features.version('webp')}, {_pillow()}: lossy, method 6. "
        "Payload bytes: without the RIFF header and the chunks' heads."
    ),
    options=lambda trial: {"quality": trial.quality, "method": 6},
    payload_bytes=webp_payload_bytes,
)
AVIF = PillowFormat(
    name="avif",
    pillow_name="AVIF",
    describe=lambda quick: (
        f"libavif {features.version('avif')}, {_pillow()}: 4:2:0 and 4:4:4, tuned for PSNR, "
        f"speed {AVIF_DRAFT_SPEED} in the search{'' if quick else AVIF_REFINEMENT}. "
        "Payload bytes: those of the mdat box."
    ),
    options=_avif_options,
    payload_bytes=media_data_bytes,
    modes=CHROMA_SAMPLINGS,
    has_thorough=True,
)
JPEG_XL = PillowFormat(
    name="jpegxl",
    pillow_name="JXL",
    describe=lambda quick: (
        f"{JXL_PACKAGE} {version(JXL_PACKAGE)}, {_pillow()}: lossy, effort {JXL_DRAFT_EFFORT} in the "
        f"search{'' if quick else JXL_REFINEMENT}. The file is the bare codestream, so payload bytes are all bytes."
    ),
    options=_jxl_options,
    payload_bytes=len,
    qualities=range(100),
    has_thorough=True,
    plugin="pillow_jxl",
    plugin_needed=f"JPEG XL needs {JXL_PACKAGE}",
)
JPEG_2000 = PillowFormat(
    name="jpeg2000",
    pillow_name="JPEG2000",
    describe=lambda quick: (
        f"OpenJPEG {features.version('jpg_2000')}, {_pillow()}: irreversible 9/7 wavelet and colour transform, "
        "one layer, ratios from 1000:1 to 1:1. The file is the bare codestream (.j2k), which is smaller than .jp2, "
        "so payload bytes are all bytes."
    ),
    options=_jpeg2000_options,
    payload_bytes=len,
    qualities=JPEG2000_QUALITIES,
    setting=lambda trial: f"{_ratio(trial):.4g}:1",
)
HEIC = PillowFormat(
    name="heic",
    pillow_name="HEIF",
    describe=lambda quick: (
        f"{_hevc_encoder()}, {HEIF_PACKAGE} {version(HEIF_PACKAGE)}, {_pillow()}: 4:2:0 and 4:4:4, "
        f"{', '.join(f'{name} {value}' for name, value in HEVC_OPTIONS.items())}. Payload bytes: those of the mdat box."
    ),
    options=lambda trial: {
        "quality": trial.quality,
        "chroma": trial.mode.replace(":", ""),
        "enc_params": HEVC_OPTIONS | HEVC_THREADS,
    },
    payload_bytes=media_data_bytes,
    modes=CHROMA_SAMPLINGS,
    smallest_side=32,
    plugin="pillow_heif.HeifImagePlugin",
    plugin_needed=f"HEIC needs {HEIF_PACKAGE}",
)

ORDINARY_FORMATS = {each.name: each for each in (JPEG, WEBP, AVIF, JPEG_XL, JPEG_2000, HEIC)}
