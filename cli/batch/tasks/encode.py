"""The task of grain-encode: a photograph to one or more encoded faces."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from grain_codec.cli.batch.tasks.figures import Figures, Measures
from grain_codec.cli.batch.tasks.model import load_codec, load_file_codec
from grain_codec.cli.batch.tasks.task import Converted, Task
from grain_codec.codec import Pixels
from grain_codec.errors import BadImage, NoFace
from grain_codec.formats import qr_carrier
from grain_codec.formats.alignment.portraits import Portrait, Portraits, find_portraits
from grain_codec.formats.images.metadata import for_encoding
from grain_codec.formats.images.reading import open_picture, read_face, read_photo
from grain_codec.runtime.encode_pipeline import FaceToEncode
from grain_codec.runtime.pipeline import Read
from grain_codec.settings import DEFAULT_ALIGNMENT, Chunk, EncodeSettings, ModelChoice

CUT_OUT = "the face was cut out of the picture; --align never takes pictures as they are"
UNUSED_SHARE = 0.25
"""A notice says so where more than this share of the bytes allowed is left."""

NO_FACE = "no face found; --align never with --crop center or --crop top takes the picture without one"

Faces = tuple[FaceToEncode, ...]
Notices = tuple[str, ...]


@dataclass(frozen=True)
class EncodedFace:
    """The file of a face, and what was measured of it."""

    file: bytes
    figures: Figures


EncodedFaces = tuple[EncodedFace, ...]


@dataclass(frozen=True)
class QrPicture:
    """The way in which files are written as pictures of QR codes."""

    kind: str  # One of the kinds in `qr_carrier.PICTURES`.
    binary: bool = False  # Byte mode in place of Base45.


@dataclass(frozen=True, kw_only=True)
class EncodeTask(Task[Faces, Notices, EncodedFaces]):
    """Encodes the face of a photograph, or several faces."""

    model: ModelChoice = field(default_factory=ModelChoice)
    settings: EncodeSettings = field(default_factory=EncodeSettings)
    align: str = DEFAULT_ALIGNMENT  # One of `settings.ALIGNMENTS`.
    face: int | None = None  # Which face is cut out, counted from the largest, 1; None takes the largest.
    all_faces: bool = False  # Each face of a photograph is cut out.
    # How a photograph that is not square is cut, "center" or "top", in place of alignment.
    crop: str | None = None
    keep_metadata: bool = False
    keep_gps: bool = False
    measures: Measures = field(default_factory=Measures)
    qr: QrPicture | None = None  # Writes each file as a QR code.

    @property
    def takes_one_face(self) -> bool:
        """Tells whether the networks take one face of each source, so that computing in batches on a GPU pays."""
        return not self.all_faces

    def read(self, data: bytes, name: str) -> Read[Faces, Notices]:
        """See `Task.read`."""
        picture = open_picture(data, name)
        chunks, notices = for_encoding(picture, self.keep_metadata, self.keep_gps)
        if self.align == "never" or self.crop is not None:
            portraits = Portraits((Portrait(read_face(picture, name, self._image_size(), self.crop), None),), 1)
        else:
            portraits = self._found(read_photo(picture, name))
            notices += self._notices(portraits)
        return Read(tuple(self._to_encode(portrait, chunks) for portrait in portraits.wanted), notices)

    def compute(self, input: Faces) -> EncodedFaces:
        """See `Task.compute`."""
        codec = load_codec(self.model)
        return tuple(self.measured(face, codec.encode(face.pixels, face.settings)) for face in input)

    def measured(self, face: FaceToEncode, file: bytes) -> EncodedFace:
        """The file of a face with its figures; raises NotNearEnough where one is beyond its limit."""
        return EncodedFace(file, self.measures.of(load_codec(self.model), face.pixels, file))

    def finish(self, kept: Notices, output: EncodedFaces) -> Converted:
        """See `Task.finish`."""
        files, figures = [face.file for face in output], tuple(face.figures for face in output)
        notices = kept + self._unused(files)
        if self.qr is None:
            return Converted(files[0], notices, tuple(files[1:]), figures)
        symbols = [qr_carrier.pack(file, self.qr.kind, self.qr.binary) for file in files]
        sizes = (
            f"QR code of version {symbol.version} with error correction {symbol.error_correction}, {len(file)} bytes"
            for symbol, file in zip(symbols, files)
        )
        first, *further = (symbol.picture for symbol in symbols)
        return Converted(first, (*notices, *sizes), tuple(further), figures)

    def _found(self, photo: Pixels) -> Portraits:
        """The wanted faces of a photograph."""
        always = self.align == "always" or self.face is not None or self.all_faces
        try:
            return find_portraits(photo, self._image_size(), always, None if self.all_faces else self.face or 1)
        except NoFace as error:
            raise BadImage(NO_FACE) from error

    def _notices(self, portraits: Portraits) -> Notices:
        """What the user should know of how the faces were chosen."""
        if self.face is not None or self.all_faces or portraits.wanted[0].place is None:
            return ()
        if portraits.found > 1:
            return (f"{portraits.found} faces found, the largest taken; --all-faces takes all",)
        return (CUT_OUT,) if self.align == "auto" else ()

    def _unused(self, files: Sequence[bytes]) -> Notices:
        """Says where the best quality needs far fewer bytes than are allowed."""
        limit = self.settings.max_bytes
        if limit is None or max(map(len, files)) >= (1 - UNUSED_SHARE) * limit:
            return ()
        return (f"the best quality takes {max(map(len, files))} of the {limit} bytes allowed",)

    def _to_encode(self, portrait: Portrait, chunks: tuple[Chunk, ...]) -> FaceToEncode:
        """A face with what travels along: metadata, and where the face was."""
        settings = replace(self.settings, chunks=(*self.settings.chunks, *chunks))
        return FaceToEncode(portrait.pixels, portrait.placed(settings))

    def _image_size(self) -> int:
        """Side of the faces that the model takes, in pixels."""
        return load_file_codec(self.model).spec.image_size
