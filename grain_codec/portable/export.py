"""The decoder's networks as ONNX files, for programs without torch.

The export knows no family of models: it traces `ReciprocalNetworks.draw_records`. `graphs.py` describes the files.
Needs the extra "onnx".
"""

from __future__ import annotations

import errno
import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grain_codec.errors import GrainError, install_command
from grain_codec.models.networks import ReciprocalNetworks
from grain_codec.portable.enlargement import EnlargesByConvolution
from grain_codec.portable.graphs import (
    HALF,
    PICTURE,
    SYMBOLS,
    WEIGHTS,
    Picture,
    bare_graphs,
    file_name,
    left_out,
    metadata_of,
)
from grain_codec.portable.tables import write_tables
from grain_codec.version import VERSION
from grain_codec.weights import ModelFile, load_networks
from grain_codec.whole_files import write_whole

if TYPE_CHECKING:
    from onnx import ModelProto

SMALL_SIDE = 256  # Side of the smaller version of a model's best picture, in pixels.
OPSET = 18  # The oldest version of ONNX's operators that the exporter writes; old runtimes know it too.


class OnnxMissing(GrainError):
    """The packages that write ONNX files are not installed."""


def export_whole(model: ModelFile, folder: Path, licence: str, force: bool = False) -> Iterator[Path]:
    """Writes the ONNX files that hold their weights, each in float32 and in half precision, and the integer tables.

    There is a file of the model's best picture, one of it at SMALL_SIDE, and one of `rescaled`. Yields each path when
    its file is written. Raises OnnxMissing, WrongModel, and OSError, also where a file exists and `force` is not given.
    """
    networks = _networks_for_export(model)
    best, side = networks.outputs[0], model.spec.image_size
    pictures = [Picture(best), *([Picture(best, SMALL_SIDE)] if side > SMALL_SIDE and side % SMALL_SIDE == 0 else [])]
    pictures += [Picture("rescaled")] * (best != "rescaled")
    halves = [replace(picture, half=True) for picture in pictures]
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_existing([folder / file_name(model, each) for each in (*pictures, *halves)], force)
    for picture, half in zip(pictures, halves):
        graph = _traced(model, networks, picture)
        yield _write(folder / file_name(model, picture), graph, metadata_of(model, picture, licence), force)
        _halve(graph)
        yield _write(folder / file_name(model, half), graph, metadata_of(model, half, licence), force)
    yield write_tables(model, folder, licence, force)


def export_bare(model: ModelFile, licence: str, force: bool = False) -> Iterator[Path]:
    """Writes bare graphs of all the model's pictures beside its weights file; see `export_whole`."""
    networks = _networks_for_export(model)
    paths = bare_graphs(model)
    _refuse_existing(list(paths.values()), force)
    for output, path in paths.items():
        graph = _traced(model, networks, Picture(output))
        _halve(graph)
        _leave_out(graph, model, output)
        yield _write(path, graph, metadata_of(model, Picture(output), licence), force)


class _Drawing(nn.Module):
    """Draws one picture of records; its parameters have the names that the tensors of a weights file have."""

    def __init__(self, networks: ReciprocalNetworks, output: str, reduction: int):
        super().__init__()
        self.networks, self._output, self._reduction = networks, output, reduction

    def forward(self, records: Tensor) -> Tensor:
        """Records `[1, N]` -> uint8 `[1, S, S, 3]`; a smaller picture has the means of squares of samples."""
        pixels = self.networks.draw_records(records, self._output)
        if self._reduction == 1:
            return pixels
        means = F.avg_pool2d(pixels.permute(0, 3, 1, 2).float(), self._reduction)
        return means.round().to(torch.uint8).permute(0, 2, 3, 1)


def drawing(networks: ReciprocalNetworks, picture: Picture) -> nn.Module:
    """The module that an ONNX file is traced from, and whose pixels it repeats."""
    side: int = networks.spec.image_size
    return _Drawing(networks, picture.output, side // (picture.side or side)).eval()


def _networks_for_export(model: ModelFile) -> ReciprocalNetworks:
    if not all(map(find_spec, ("onnx", "onnxscript"))):
        raise OnnxMissing(f"writing ONNX files needs more packages: {install_command('onnx')}")
    networks = load_networks(model)
    networks.prepare_export()
    return networks


def _traced(model: ModelFile, networks: ReciprocalNetworks, picture: Picture) -> ModelProto:
    """The graph of one picture, with all weights in float32."""
    coder = model.coder()
    record = torch.from_numpy(np.zeros((1, coder.record_length), coder.record_dtype))
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # Of torch's own parts, about its own parts.
            with EnlargesByConvolution():
                traced = torch.export.export(drawing(networks, picture), (record,))
            program = torch.onnx.export(
                traced, input_names=[SYMBOLS], output_names=[PICTURE], opset_version=OPSET, dynamo=True, verbose=False
            )
    finally:
        logger.setLevel(level)
    assert program is not None
    graph = program.model_proto
    for part in (graph, graph.graph, *graph.graph.node):  # What the exporter notes for those who mend it.
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.graph.ClearField("value_info")
    return graph


def _halve(graph: ModelProto) -> None:
    """Stores in half precision what that holds exactly, as a weights file does; the graph casts it to float32."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < 2 or (values.astype(np.float16) != values).any():
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + HALF))
        casts.append(helper.make_node("Cast", [tensor.name], [name], f"{name}/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def _leave_out(graph: ModelProto, model: ModelFile, output: str) -> None:
    """Replaces the content of tensors that are in the weights file by their place in the bytes of `left_out`."""
    from onnx import TensorProto, numpy_helper

    initializers = {tensor.name.removesuffix(HALF): tensor for tensor in graph.graph.initializer}
    offset = 0
    for name, values in left_out(model, output).items():
        tensor = initializers.get(name)
        if tensor is not None and numpy_helper.to_array(tensor).tobytes() == values.tobytes():
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": WEIGHTS, "offset": str(offset), "length": str(values.nbytes)}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=value)
        offset += values.nbytes


def _refuse_existing(paths: list[Path], force: bool) -> None:
    """Raises FileExistsError for the first file that would be overwritten, before a graph is traced for minutes."""
    for path in paths:
        if path.exists() and not force:
            raise FileExistsError(errno.EEXIST, "exists; --force overwrites it", str(path))


def _write(path: Path, graph: ModelProto, metadata: dict[str, str], force: bool) -> Path:
    """Writes a graph with its metadata."""
    from onnx import helper

    graph.producer_name, graph.producer_version = "grain-codec", VERSION
    helper.set_model_props(graph, metadata)
    write_whole(path, graph.SerializeToString(deterministic=True), force)
    return path
