"""Weights as an ONNX file: the network with its calibration, which says how to prepare an image.

The packages that this takes are an extra, so they are imported where they are used.
"""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dfx.errors import WeightsError
from dfx.models.account import describe_weights
from dfx.models.trial_pictures import draw_pictures
from dfx.models.weights import Weights, first_line
from dfx.records import DEEPFAKE, REAL

if TYPE_CHECKING:
    import onnx

FORMAT = "dfx-onnx"

TOLERANCE = 1e-4
"""How far p_deepfake may be from torch's."""

_LOGITS_TOLERANCE = 1e-3
"""How far the logits may be, relative to the largest of them: a second look where p_deepfake is so
near to 0 or 1 that it would hide another network."""

_OPSET = 18
"""What the exporter of any torch since 2.6 writes by itself, so that nothing is converted."""

_LIMIT_BYTES = 2**31
"""A protobuf file, which an ONNX file is, is smaller than this."""

_CHECKED_BATCHES = (1, 3)
"""Images at a time in the check; the graph is made with neither number."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def write_onnx(weights: Weights, path: Path) -> float:
    """Writes weights as an ONNX file, and checks what was written against torch.

    The graph takes `images` float32 [batch, 3, h, w], normalised, and gives `logits` float32
    [batch, 2] and `p_deepfake` float32 [batch], calibrated. Its metadata are texts: JSON, apart
    from those that are a text in the first place.

    Args:
        weights: What to write.
        path: A new file.

    Returns:
        The largest difference to torch in p_deepfake.

    Raises:
        WeightsError: Where the architecture cannot be written so, or the file says something else
            than torch.
    """
    size = sum(tensor.nbytes for tensor in weights.state.values())
    if size >= _LIMIT_BYTES:
        raise WeightsError(
            f"the weights of {weights.run} have {size / 1e9:.1f} GB; an ONNX file holds less than"
            f" {_LIMIT_BYTES / 1e9:.1f} GB",
            hint="--to safetensors has no such limit",
        )
    module = weights.build()
    inputs = [draw_pictures(count, weights.preprocessing) for count in _CHECKED_BATCHES]
    with torch.inference_mode():
        expected = [module(batch).numpy() for batch in inputs]
    path.write_bytes(_serialise(_convert(module, weights), weights))
    return _check(weights, path, inputs, expected)


class _Calibrated(nn.Module):
    """A network that says p_deepfake too."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.network(images)
        margins = logits[:, DEEPFAKE] - logits[:, REAL]
        return logits, torch.sigmoid(margins / self.temperature)


def _convert(module: nn.Module, weights: Weights) -> onnx.ModelProto:
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            # ONNX has no such operator: it is taken apart, and of some networks it then cannot be.
            part.fused_attn = False  # type: ignore[assignment]  # timm's, on its attention layers
    size = weights.preprocessing.image_size_px
    try:
        with _silence():
            program = torch.onnx.export(
                _Calibrated(module, weights.temperature).eval(),
                (torch.zeros(2, 3, size, size),),
                input_names=["images"],
                output_names=["logits", "p_deepfake"],
                opset_version=_OPSET,
                dynamo=True,
                optimize=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        # Its own text says how to report it to torch; what went wrong is in its cause.
        reason = _COLOURS.sub("", first_line(error.__cause__ or error))
        raise WeightsError(
            f"timm's {weights.architecture} cannot be written as ONNX by torch"
            f" {torch.__version__}: {reason}",
            hint="--to safetensors writes any architecture",
        ) from None
    if program is None:
        raise TypeError("torch.onnx.export gives a program where dynamo is true")
    return program.model_proto


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps the exporter from telling a person what concerns its makers."""
    silenced = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        # Where it fails it prints the graph, whatever `verbose` says.
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(silenced)


def _serialise(proto: onnx.ModelProto, weights: Weights) -> bytes:
    from onnx.helper import set_model_props  # noqa: PLC0415

    for part in (proto.graph, *proto.functions):
        _strip(part)
    described = {"format": FORMAT, **describe_weights(weights)}
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in described.items()
    }
    set_model_props(proto, texts)
    content: bytes = proto.SerializeToString()
    return content


def _strip(graph: Any) -> None:
    """Takes out where the exporter found each thing: lines of code, with folders of this machine.

    Args:
        graph: Or a function, which has some of the same fields.
    """
    del graph.metadata_props[:]
    for field in ("node", "input", "output", "value_info", "initializer"):
        for part in getattr(graph, field):
            if hasattr(part, "metadata_props"):  # of a function, inputs are but names
                del part.metadata_props[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):  # a branch, or the body of a loop
                _strip(attribute.g)


def _check(
    weights: Weights, path: Path, inputs: list[Tensor], expected: list[NDArray[np.float32]]
) -> float:
    """The largest difference in p_deepfake, of a file that is what it should be.

    Raises:
        WeightsError: Where it is not.
    """
    found = _run(weights, path, inputs)
    difference = 0.0
    for (logits, p_deepfake), wanted in zip(found, expected, strict=True):
        margins = wanted[:, DEEPFAKE].astype(np.float64) - wanted[:, REAL]
        with np.errstate(over="ignore"):
            wanted_p = 1 / (1 + np.exp(-margins / weights.temperature))
        apart = float(np.abs(p_deepfake - wanted_p).max())
        # Where a network is very sure, p_deepfake would say the same of other logits.
        scale = max(1.0, float(np.abs(wanted).max()))
        of_logits = float(np.abs(logits - wanted).max()) / scale
        if not (
            apart <= TOLERANCE and of_logits <= _LOGITS_TOLERANCE
        ):  # nor where one is not a number
            raise WeightsError(
                f"the ONNX file of {weights.run} judges otherwise than torch: p_deepfake is off by"
                f" {apart:.2g}, the logits by {of_logits:.2g} of the largest; expected at most"
                f" {TOLERANCE:g} and {_LOGITS_TOLERANCE:g}",
                hint="--to safetensors writes any architecture",
            )
        difference = max(difference, apart)
    return difference


def _run(weights: Weights, path: Path, inputs: list[Tensor]) -> list[list[NDArray[np.float32]]]:
    import onnx  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415

    # What onnxruntime raises has nothing in common but this place.
    refusals: tuple[type[Exception], ...] = tuple(
        kind
        for kind in vars(state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it says goes past Python's stderr
    try:
        content = path.read_bytes()  # by name they take no file whose name is not UTF-8
        onnx.checker.check_model(content)
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return [session.run(["logits", "p_deepfake"], {"images": i.numpy()}) for i in inputs]
    except (onnx.checker.ValidationError, *refusals) as error:  # type: ignore[misc]  # untyped
        raise WeightsError(
            f"the ONNX file of {weights.run} does not run in onnxruntime"
            f" {onnxruntime.__version__}: {first_line(error)}",
            hint="--to safetensors writes any architecture",
        ) from None
