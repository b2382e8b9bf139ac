"""Which kinds of model there are."""

from __future__ import annotations

from grain_codec.errors import WrongModel
from grain_codec.models.face1024.spec import Face1024Spec
from grain_codec.models.grain2022.spec import Grain2022Spec
from grain_codec.models.spec import read_fields

AnySpec = Face1024Spec | Grain2022Spec
_FAMILIES: dict[str | None, type[AnySpec]] = {family.family: family for family in (Face1024Spec, Grain2022Spec)}


def read_spec(text: str) -> AnySpec:
    """The spec of any family in its JSON.

    Raises:
        WrongModel: the text is not the JSON of a spec, or one of its sizes is out of bounds.
    """
    family = read_fields(text).get("family")
    if not isinstance(family, str | None) or family not in _FAMILIES:
        raise WrongModel(f"the model is of the family {family!r}, which is not known here")
    return _FAMILIES[family].from_json(text)
