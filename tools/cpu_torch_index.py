"""Prints the options by which pip finds the build of torch for CPUs, where that is the right one and can be had.

PyPI's torch for Linux brings several GB for GPUs. PyTorch's own index has builds without them, whose versions end in
"+cpu", so that pip prefers them to the same release on PyPI. Where there may be a GPU, where the system is not Linux,
and where the index cannot be reached, nothing is printed, and pip takes what it finds.
"""

import os
import sys
import urllib.request

INDEX = "https://download.pytorch.org/whl/cpu"
DRIVER_DEVICES = ("/dev/nvidiactl", "/dev/dxg")  # By these a GPU shows on Linux, and on Linux within Windows.
PATIENCE = 5.0  # Seconds that the index has to answer.


def is_reachable(index: str) -> bool:
    """Tells whether an index answers for torch."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=PATIENCE):
            return True
    except OSError:
        return False


def options(index: str = INDEX, system: str = sys.platform, devices: tuple[str, ...] = DRIVER_DEVICES) -> list[str]:
    """The options for pip, none where it should take what it finds."""
    if system != "linux" or any(map(os.path.exists, devices)) or not is_reachable(index):
        return []
    return ["--extra-index-url", index]


if __name__ == "__main__":
    print(*options())
