"""The best weights of a run, or of a file, written for programs that are not dfx."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform

from dfx.data.transforms import normalise, prepare
from dfx.digests import hash_file
from dfx.errors import WeightsError
from dfx.formats import ExportFormat
from dfx.messages import Notice
from dfx.models.onnx_file import write_onnx
from dfx.models.safetensors_folder import (
    check_folder,
    load_folder,
    require_folders,
    write_folder,
)
from dfx.models.weights import Weights, load_weights
from dfx.records import Preprocessing, RunDetail
from dfx.records.model_card import ModelCard
from dfx.services.best_weights import find_best_weights
from dfx.services.card import compose_card
from dfx.services.home import find_home, open_store
from dfx.services.whole import whole_file, whole_folder

CARD_FILE = "README.md"

_ALWAYS_RUNS = ("best", "latest")
_ENDINGS = (".pt", ".pth", ".safetensors")
"""Of names that mean a file, also where there is none."""

_TOLERANCE = 1e-5
"""How far the pixels that timm prepares may be from ours, after normalisation."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Weights, and what is known of them.

    Attributes:
        digest: Of their file.
        record: Of their run; None of a file by itself.
        origin: Where they are from, for the person.
    """

    weights: Weights
    digest: str
    record: RunDetail | None
    origin: str


def write_weights(
    what: str,
    target: Path,
    fmt: ExportFormat,
    home: Path | None,
    *,
    render: Callable[[ModelCard], str],
    notify: Callable[[Notice], None],
) -> None:
    """Writes weights and checks what was written against them: all of it, or nothing.

    Args:
        what: A run reference, of which an experiment's name means its best run; or a weights file.
        target: For ONNX a file, else a folder; folders above it are made.
        fmt: ONNX or SAFETENSORS.
        home: As given on the command line; a file needs none.
        render: Makes the text of a model card.
        notify: Told what is exported and why, and what was written.

    Raises:
        ConfigError: For a target that is there already or cannot be written.
        NotFoundError: Where there is no such run, or it has no weights.
        WeightsError: For weights that cannot be read, or not be written so.
    """
    place = target.expanduser().absolute()
    if fmt is ExportFormat.ONNX:
        with whole_file(place, target) as draft:
            source = _find_source(what, home, notify)
            difference = write_onnx(source.weights, draft)
            size = draft.stat().st_size
        verdict = f"in onnxruntime p_deepfake is that of torch within {difference:.1e}"
    else:
        require_folders()
        with whole_folder(place, target) as draft:
            source = _find_source(what, home, notify)
            difference = _fill_folder(source, draft, render)
            size = sum(path.stat().st_size for path in draft.iterdir())
        within = f" within {difference:.1e}" if difference else ""
        verdict = f"timm prepares images alike and gives the same logits{within}"
    notify(Notice(f"{place}: {size / 1e6:,.1f} MB, checked: {verdict}"))


def _find_source(what: str, home: Path | None, notify: Callable[[Notice], None]) -> _Source:
    file = Path(what).expanduser()
    if what not in _ALWAYS_RUNS and (file.is_file() or file.suffix in _ENDINGS):
        weights = load_weights(file)
        source = _Source(weights, hash_file(file), None, what)
    else:
        with open_store(find_home(home), create=False) as store:
            best = find_best_weights(store, what)
            record = store.get_detail(best.run.id)
        origin = best.reason or "as asked for"
        source = _Source(best.load(), hash_file(best.path), record, origin)
    weights = source.weights
    notify(Notice(f"Exporting {weights.run}, epoch {weights.epoch}: {source.origin}"))
    return source


def _fill_folder(source: _Source, folder: Path, render: Callable[[ModelCard], str]) -> float:
    weights = source.weights
    write_folder(weights, folder)
    module = load_folder(folder)
    difference = check_folder(weights, module)
    _check_preprocessing(module, weights.preprocessing)
    parameters = sum(each.numel() for each in module.parameters())
    card = compose_card(weights, parameters=parameters, digest=source.digest, record=source.record)
    (folder / CARD_FILE).write_bytes(render(card).encode("utf-8", "backslashreplace"))
    return difference


def _check_preprocessing(module: torch.nn.Module, preprocessing: Preprocessing) -> None:
    """Accepts a network that timm prepares images for as dfx does.

    Raises:
        WeightsError: Where it does not.
    """
    size = preprocessing.image_size_px
    shape = (size * 3 // 2, size + 7, 3)  # of a tall picture
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image = Image.fromarray(pixels)
    settings = resolve_model_data_config(module)  # type: ignore[no-untyped-call]  # timm's
    theirs = create_transform(**settings, is_training=False)(image)
    ours = normalise(prepare(image, size)[None], preprocessing)[0]
    difference = float((theirs - ours).abs().max()) if theirs.shape == ours.shape else np.inf
    if difference > _TOLERANCE:
        raise WeightsError(
            f"timm {timm.__version__} prepares an image otherwise than dfx: values are off by"
            f" {difference:.2g}; expected at most {_TOLERANCE:g}",
            hint="--to onnx leaves the preparation to you, and says what it is",
        )
