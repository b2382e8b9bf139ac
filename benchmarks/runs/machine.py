"""The machine that something was measured on, and the memory that it took."""

import platform
import resource
import sys
from pathlib import Path


def processor() -> str:
    """The processor's name; `platform` knows its kind only, on Linux."""
    names = _values(Path("/proc/cpuinfo"), "model name")
    return names[0] if names else platform.processor() or platform.machine()


def peak_mebibytes() -> int:
    """The most memory in MiB that this process has used so far.

    On Linux `ru_maxrss` of a new process begins with its parent's peak; its own is in /proc.
    """
    own = _values(Path("/proc/self/status"), "VmHWM")
    if own:
        return int(own[0].split()[0]) // 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _values(path: Path, name: str) -> list[str]:
    """The values that a file of /proc gives under a name; the list is empty where there is no such file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
