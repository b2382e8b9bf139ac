"""The pictures of a report: kept while a run lasts, then those of a few chosen faces, so that it can be redrawn."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from grain_codec.benchmarks.runs.faces import FaceFile
from grain_codec.benchmarks.runs.task import ORIGINAL, Outcome, picture
from grain_codec.benchmarks.tables.cap_comparison import worst_images
from grain_codec.benchmarks.tables.rows import Row
from grain_codec.benchmarks.tables.summary import Results
from grain_codec.whole_files import write_whole

Pictures = dict[str, dict[str, bytes]]  # WebP bytes by face and by "original", "LR image" or a series' label.

FIRST, WORST = 4, 2
INDEX = "index.json"


class PictureStore:
    """A folder of pictures named by number; their faces and labels are in its index."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._index = _read_index(folder / INDEX)
        numbers = (int(Path(file).stem) for files in self._index.values() for file in files.values())
        self._last = max(numbers, default=-1)

    def add(self, outcome: Outcome) -> None:
        """Keeps the pictures of a task."""
        for label, data in outcome.pictures.items():
            self._keep(outcome.task.face.name, label, data)
        if outcome.pictures:
            self._write_index()

    def choose(self, names: Sequence[str], faces: Sequence[FaceFile], size: int) -> None:
        """Keeps the pictures of some faces only, with their originals."""
        for name in [name for name in self._index if name not in names]:
            for file in self._index.pop(name).values():
                (self._folder / file).unlink(missing_ok=True)
        by_name = {face.name: face for face in faces}
        for name in names:
            self._keep(name, ORIGINAL, picture(by_name[name].read(size)))
        self._index = {name: self._index[name] for name in names}
        self._write_index()

    def read(self) -> Pictures:
        """All pictures; those whose file is gone are left out."""
        found: Pictures = {}
        for name, files in self._index.items():
            paths = {label: self._folder / file for label, file in files.items()}
            found[name] = {label: path.read_bytes() for label, path in paths.items() if path.is_file()}
        return found

    def _keep(self, name: str, label: str, data: bytes) -> None:
        files = self._index.setdefault(name, {})
        if label not in files:
            self._last += 1
            files[label] = f"{self._last:05d}.webp"
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / files[label]).write_bytes(data)

    def _write_index(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._index, indent=1, ensure_ascii=False) + "\n"
        write_whole(self._folder / INDEX, text.encode(), force=True)


def chosen_faces(rows: Sequence[Row], cap: int) -> list[str]:
    """The faces whose pictures a report shows: the first by name, then those on which we do worst at a cap."""
    results = Results(rows)
    return list(dict.fromkeys([*sorted(results.images)[:FIRST], *worst_images(results, cap, WORST)]))


def _read_index(path: Path) -> dict[str, dict[str, str]]:
    """The index without entries that no run writes: a picture's name is a number, so that none lies elsewhere."""
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): {str(label): file for label, file in files.items() if re.fullmatch(r"[0-9]{5,9}\.webp", file)}
            for name, files in index.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
