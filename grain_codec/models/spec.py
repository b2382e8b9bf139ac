"""The geometry of a model: every size that its networks, its symbols and its files depend on.

Each family of models has a spec class of its own. The JSON of a spec, which travels in the header of a weights file,
names the family as `family`; that of the first family has no such entry.
"""

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from grain_codec.errors import WrongModel
from grain_codec.settings import MOST_QUALITY

MOST_ENTRIES = 16  # Bound on the length of every list in a spec.
FIRST_FAMILY = "face-1024"  # The family of a JSON that names none.

MODULES_FOR = {
    "fused": ("rescaling", "prior", "fusion"),
    "rescaled": ("rescaling",),
    "prior": ("rescaling", "prior"),
}
"""The modules that each picture needs. The first picture that a model can draw is its best."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def bounded(default: Any, least: float, most: float) -> Any:
    """A field whose value, or each entry of it, lies within bounds: a file may claim any number."""
    return dataclasses.field(default=default, metadata={"bounds": (least, most)})


@dataclass(frozen=True)
class Sizes:
    """Base of frozen dataclasses of sizes, each of which is checked against bounds of its own."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Checked sizes of the fields in their JSON. Raises WrongModel, naming a field that is missing or wrong."""
        try:
            spec = cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
        except TypeError as error:
            raise WrongModel(f"the model's spec cannot be read: {error}") from error
        spec.check()
        stated = {name for name, value in vars(spec).items() if value is not None}
        if stated != fields.keys():
            raise WrongModel(f"the model's spec lacks {', '.join(sorted(stated ^ fields.keys()))}")
        return spec

    def check(self) -> None:
        """Raises WrongModel, naming the field, for values of a wrong type, out of bounds, or at odds with others."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.default is not None and type(value) is not type(field.default):
                raise WrongModel(f"the model's spec has a {field.name} of the wrong type")
            if "bounds" in field.metadata:
                _check_bounds(field.name, value, type(field.default), *field.metadata["bounds"])

    def _require(self, condition: bool, name: str) -> None:
        """Refuses a field that does not go with the others."""
        if not condition:
            raise WrongModel(f"the model's spec has a {name} that cannot be: {getattr(self, name)}")


@dataclass(frozen=True)
class Spec(Sizes):
    """Base of the specs: to JSON and back.

    Attributes:
        family: name of the family, of the class.
        fine_qualities: number of the model's fine qualities, of which 0 gives the smallest files.
        name: what users call the model (`-m`).
        image_size: side of the face in pixels.
    """

    family: ClassVar[str]

    # Annotations alone would make fields of a dataclass, which each subclass orders and bounds for itself.
    if TYPE_CHECKING:

        @property
        def fine_qualities(self) -> int:
            """See the class."""

        @property
        def name(self) -> str:
            """See the class."""

        @property
        def image_size(self) -> int:
            """See the class."""

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, nothing that is None, so that equal specs give equal bytes."""
        fields = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        if self.family != FIRST_FAMILY:
            fields["family"] = self.family
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote. Raises WrongModel for any other text."""
        fields = read_fields(text)
        if fields.pop("family", FIRST_FAMILY) != cls.family:
            raise WrongModel(f"the model's spec is none of the family {cls.family}")
        return cls.from_fields(fields)

    def of_files(self) -> Self:
        """The spec without what has no say in the meaning of encoded faces."""
        return self

    def fine_quality_of(self, quality: int) -> int:
        """The fine quality of a quality from 0 to MOST_QUALITY, which lie evenly on the fine qualities."""
        return (quality * (self.fine_qualities - 1) + MOST_QUALITY // 2) // MOST_QUALITY

    def quality_of(self, fine_quality: int) -> int:
        """The quality that is nearest to a fine quality; MOST_QUALITY where there is only one."""
        finest = self.fine_qualities - 1
        return (fine_quality * MOST_QUALITY + finest // 2) // finest if finest else MOST_QUALITY

    def check(self) -> None:
        """See `Sizes.check`."""
        super().check()
        self._require(bool(_NAME.fullmatch(self.name)), "name")


def _check_bounds(name: str, value: Any, kind: type, least: float, most: float) -> None:
    """Refuses a number, or an entry of a list of whole numbers, out of bounds."""
    entries = value if kind is tuple else (value,)
    if len(entries) > MOST_ENTRIES or any(type(entry) is not int for entry in entries if kind is tuple):
        raise WrongModel(f"the model's spec has a {name} that is no short list of whole numbers")
    if not all(least <= entry <= most for entry in entries):
        raise WrongModel(f"the model's spec has a {name} of {value}, not within {least} to {most}")


def read_fields(text: str) -> dict[str, Any]:
    """The JSON object in a text."""
    try:
        fields = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise WrongModel(f"the model's spec cannot be read: {error}") from error
    if not isinstance(fields, dict):
        raise WrongModel("the model's spec cannot be read: it is no JSON object")
    return fields
