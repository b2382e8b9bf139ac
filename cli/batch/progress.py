"""Shows how far a run is, in one line of a terminal that is written again and again."""

import os
import shutil
import sys
import time
from collections import deque

SECONDS_BETWEEN = 0.1
RECENT = 100  # Number of files whose rate is shown.


def on_terminal() -> bool:
    """Tells whether standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


class ProgressLine:
    """Count, rate and time left of a run; writes nothing unless standard error is a terminal."""

    def __init__(self, total: int, wanted: bool = True):
        """Begins the line of a run of `total` files."""
        self._total = total
        self.visible = wanted and total > 1 and on_terminal() and os.environ.get("TERM") != "dumb"
        self._finished = self._failed = 0
        self._recent = deque([time.monotonic()], maxlen=RECENT + 1)
        self._drawn = 0.0

    def advance(self, converted: bool, failed: bool) -> None:
        """Counts one more file; one that was neither converted nor failed does not count into the rate."""
        self._finished += 1
        self._failed += failed
        now = time.monotonic()
        if converted or failed:
            self._recent.append(now)
        if self.visible and now - self._drawn >= SECONDS_BETWEEN:
            self._drawn = now
            columns = shutil.get_terminal_size().columns - 1
            print(f"\r{self._text()[:columns]:<{columns}}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leaves an empty line for other texts."""
        if self.visible and self._drawn:
            print(f"\r{'':<{shutil.get_terminal_size().columns - 1}}\r", end="", file=sys.stderr, flush=True)
            self._drawn = 0.0

    def _text(self) -> str:
        """The line's content.

        Example: "120/10000 files, 12.3/s, 13:23 left, 2 failed"
        """
        parts = [f"{self._finished}/{self._total} files"]
        seconds = self._recent[-1] - self._recent[0]
        if seconds > 0:
            rate = (len(self._recent) - 1) / seconds
            parts += [f"{rate:.3g}/s", f"{duration((self._total - self._finished) / rate)} left"]
        if self._failed:
            parts.append(f"{self._failed} failed")
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time as people read it.

    Example: 7.25 -> "7.2 s", 83.0 -> "1:23", 3700.0 -> "1:01:40"
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """A number of bytes as people read it.

    Example: 640 -> "640 bytes", 1234567 -> "1.2 MB"
    """
    if count < 1000:
        return f"{count} bytes"
    power = min((len(str(count)) - 1) // 3, 4)
    return f"{count / 1000**power:.1f} {'kMGT'[power - 1]}B"
