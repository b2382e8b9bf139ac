"""The choice of the device and the precision that torch computes with."""

import torch

from grain_codec.errors import WrongModel


def pick_device(name: str) -> torch.device:
    """The device of a name; "auto" takes a GPU when there is one.

    Raises:
        WrongModel: there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise WrongModel(f"device {name!r} is not usable: {str(error).splitlines()[0]}") from error
    return device


def check_precision(precision: str, device: torch.device) -> None:
    """Refuses a precision that the device would only imitate, many times slower.

    Raises:
        WrongModel: the device has no arithmetic of it.
    """
    # The question that torch itself asks before it hands a convolution in bfloat16 to its library.
    if precision == "bfloat16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise WrongModel("this processor does not compute in bfloat16")
