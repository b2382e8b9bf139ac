"""The task of grain-encode: a photograph to one or more encoded faces."""

from dataclasses import dataclass, field, replace

from PIL import Image

from grain_codec.cli.batch.tasks.model import load_codec, load_file_codec
from grain_codec.cli.batch.tasks.task import Converted, Task
from grain_codec.cli.exits import RunImpossible
from grain_codec.formats.alignment import face_finder
from grain_codec.formats.alignment.cropping import cut
from grain_codec.formats.images.metadata import for_encoding
from grain_codec.formats.images.reading import open_picture, read_face, read_photo
from grain_codec.runtime.encode_pipeline import FaceToEncode
from grain_codec.runtime.pipeline import Read
from grain_codec.settings import EncodeSettings, ModelChoice

MISPLACED = "the face is not where an aligned photograph has it; --align finds and crops it"

Faces = tuple[FaceToEncode, ...]
Notices = tuple[str, ...]
Files = tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class EncodeTask(Task[Faces, Notices, Files]):
    """Encodes the face of a photograph, or several faces."""

    model: ModelChoice = field(default_factory=ModelChoice)
    settings: EncodeSettings = field(default_factory=EncodeSettings)
    crop: str | None = None  # How a photograph that is not square is cut, "center" or "top"; None refuses it.
    keep_metadata: bool = False
    keep_gps: bool = False
    align: bool = False  # Finds the face, and cuts it out as FFHQ does.
    face: int | None = 1  # Which face is taken, counted from the largest, 1; None takes each.
    # Gives a notice where the face of a photograph that is not aligned here lies elsewhere than FFHQ has it.
    check_alignment: bool = False

    @property
    def takes_one_face(self) -> bool:
        """Tells whether the networks take one face of each source, so that computing in batches on a GPU pays."""
        return not self.align

    def read(self, data: bytes, name: str) -> Read[Faces, Notices]:
        """See `Task.read`."""
        picture = open_picture(data, name)
        chunks, notices = for_encoding(picture, self.keep_metadata, self.keep_gps)
        settings = replace(self.settings, chunks=(*self.settings.chunks, *chunks))
        if self.align:
            return Read(self._aligned(picture, name, settings), notices)
        pixels = read_face(picture, name, self._image_size(), self.crop)
        if self.check_alignment and face_finder.available() and face_finder.is_misplaced(pixels):
            notices += (MISPLACED,)
        return Read((FaceToEncode(pixels, settings),), notices)

    def compute(self, input: Faces) -> Files:
        """See `Task.compute`."""
        codec = load_codec(self.model)
        return tuple(codec.encode(face.pixels, face.settings) for face in input)

    def finish(self, kept: Notices, output: Files) -> Converted:
        """See `Task.finish`."""
        return Converted(output[0], kept, output[1:])

    def _aligned(self, picture: Image.Image, name: str, settings: EncodeSettings) -> Faces:
        """The wanted faces of a photograph; the chunks of each say where it was."""
        photo, size = read_photo(picture, name), self._image_size()
        try:
            places = face_finder.find_faces(photo, self.face)
        except face_finder.FaceFinderMissing as error:
            raise RunImpossible(str(error)) from error
        return tuple(
            FaceToEncode(cut(photo, place, size), replace(settings, chunks=(*settings.chunks, place.to_chunk())))
            for place in places
        )

    def _image_size(self) -> int:
        """Side of the faces that the model takes, in pixels."""
        return load_file_codec(self.model).spec.image_size
