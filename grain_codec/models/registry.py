"""The list of model families. A new family is entered here, and nowhere else."""

from typing import Any

from grain_codec.errors import WrongModel
from grain_codec.models.face1024.family import Face1024Family
from grain_codec.models.family import ModelFamily
from grain_codec.models.grain2022.family import Grain2022Family
from grain_codec.models.spec import FIRST_FAMILY, Spec, read_fields

AnyFamily = ModelFamily[Any, Any]

FAMILIES: dict[str, AnyFamily] = {}  # The families by name.


def register(family: AnyFamily) -> None:
    """Enters a family under the name that its specs state."""
    FAMILIES[family.spec_type.family] = family


register(Face1024Family())
register(Grain2022Family())


def family_of(spec: Spec) -> AnyFamily:
    """The family of a model."""
    return FAMILIES[spec.family]


def read_spec(text: str) -> Spec:
    """The spec of any family in its JSON. Raises WrongModel for any other text."""
    name = read_fields(text).get("family", FIRST_FAMILY)
    if not isinstance(name, str) or name not in FAMILIES:
        raise WrongModel(f"the model is of the family {name!r}, which is not known here")
    spec: Spec = FAMILIES[name].spec_type.from_json(text)
    return spec
