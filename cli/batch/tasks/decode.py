"""The task of grain-decode: a .grain file or a carrier to a picture."""

from dataclasses import dataclass, field

from grain_codec.cli.batch.files.inputs import check_source, read_source
from grain_codec.cli.batch.names import shown
from grain_codec.cli.batch.tasks.model import load_decoder, load_file_codec
from grain_codec.cli.batch.tasks.task import Converted, Task
from grain_codec.codec import FaceFile, Pixels
from grain_codec.errors import BadImage, GrainError, reason_of
from grain_codec.formats import qr_carrier
from grain_codec.formats.alignment.cropping import empty_canvas, paste
from grain_codec.formats.alignment.placement import Alignment, find_alignment
from grain_codec.formats.images.metadata import for_decoding
from grain_codec.formats.images.reading import read_photo, resize_square
from grain_codec.formats.images.writing import ALPHA_FORMATS, write_image
from grain_codec.runtime.pipeline import Read
from grain_codec.settings import Chunk, DecodeSettings, ModelChoice


@dataclass(frozen=True)
class Surroundings:
    """The metadata of a decoded face, and its place in a photo."""

    chunks: tuple[Chunk, ...]  # Metadata of the encoded file.
    place: Alignment | None  # Where the face is put in a photo; None leaves it alone.


@dataclass(frozen=True, kw_only=True)
class DecodeTask(Task[FaceFile, Surroundings, Pixels]):
    """Draws the face of an encoded file."""

    model: ModelChoice = field(default_factory=ModelChoice)
    settings: DecodeSettings = field(default_factory=DecodeSettings)
    image_format: str = "PNG"  # Pillow's name of the format that is written.
    image_quality: int | None = None  # From 1 to 100, where the format has one; None for a high one.
    size: int | None = None  # Side to which the face is resized, in pixels.
    thumbnail: bool = False  # The LR image is written, which needs no network.
    strip_metadata: bool = False  # Writes no EXIF and XMP.
    paste: bool = False  # Puts the face where it was, in an empty picture of the photo's size.
    canvas: str | None = None  # Puts the face where it was, in the photo at this path.
    further: tuple[str, ...] = ()  # Paths of files whose faces are put into the same picture first.

    @property
    def takes_one_face(self) -> bool:
        """Tells whether the networks take one face of each source, so that computing in batches on a GPU pays."""
        return not self.thumbnail and not self.further

    def read(self, data: bytes, name: str) -> Read[FaceFile, Surroundings]:
        """See `Task.read`; without torch, it takes milliseconds to refuse a damaged file."""
        files = load_file_codec(self.model)
        file = files.read(qr_carrier.carried(data, name), self.settings.fine_quality)
        place = find_alignment(file.chunks) if self.paste or self.canvas is not None else None
        if self.canvas is not None:
            check_source(self.canvas)
        return Read(file, Surroundings(file.chunks, place))

    def compute(self, input: FaceFile) -> Pixels:
        """See `Task.compute`; pixels are uint8 `[S, S, 3]`."""
        if self.thumbnail:
            return load_file_codec(self.model).lr_image(input)
        return load_decoder(self.model).draw_file(input, self.settings.output)

    def finish(self, kept: Surroundings, output: Pixels) -> Converted:
        """See `Task.finish`."""
        pixels = output if self.size is None else resize_square(output, self.size)
        if kept.place is not None:
            pixels = paste(pixels, kept.place, self._canvas(kept.place))
        chunks = () if self.strip_metadata else kept.chunks
        metadata, notices = for_decoding(chunks, self.image_format)
        return Converted(write_image(pixels, self.image_format, metadata, self.image_quality), notices)

    def _canvas(self, place: Alignment) -> Pixels:
        """The picture around the face, uint8 `[height, width, 3 or 4]`."""
        if self.canvas is None:
            canvas = empty_canvas(place, transparent=self.image_format in ALPHA_FORMATS)
        else:
            canvas = read_photo(read_source(self.canvas), shown(self.canvas))
        for path in self.further:
            canvas = self._with_face(canvas, path)
        return canvas

    def _with_face(self, canvas: Pixels, path: str) -> Pixels:
        """A canvas with the face of a further file; raises BadImage, which names the file, where that fails."""
        try:
            file = load_file_codec(self.model).read(read_source(path), self.settings.fine_quality)
            place = find_alignment(file.chunks)
            return paste(self.compute(file), place, canvas)
        except (GrainError, OSError) as error:
            raise BadImage(f"{shown(path)}: {reason_of(error, path)}") from error
