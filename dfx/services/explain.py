"""Explaining verdicts: a picture for each image, and contact sheets of many."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import torch
from PIL import Image
from torch import Tensor

from dfx.data.decode import decode_image
from dfx.data.transforms import prepare
from dfx.errors import ImageError
from dfx.evaluation.explanation import Explainer, require_captum
from dfx.messages import Notice, counted
from dfx.models.weights import Weights
from dfx.records import DEEPFAKE, LABELS, REAL
from dfx.records.prediction import Explanation, Prediction
from dfx.services.explanation_files import (
    identify,
    place_picture,
    place_sheets,
    prepare_folder,
    remove_further_sheets,
    write_picture,
)
from dfx.services.explanation_mark import SHEET

PER_SHEET = 24
"""Images on a page of a contact sheet; as many are kept in memory at a time."""


class RenderSheet(Protocol):
    """Makes a page of a contact sheet."""

    def __call__(self, explanations: Sequence[Explanation], *, page: int | None) -> bytes:
        """A PNG file.

        Args:
            explanations: At most `PER_SHEET`.
            page: Counted from 1; None of the only one.
        """


class ExplanationFolder:
    """Writes a picture of each verdict given to it, and contact sheets of them all when left.

    In a `with` block. Entering it does what can fail before the first image is looked at. Where an
    error ends it, what is written by then stays. It has a network of its own, in float32, whatever
    the verdicts were computed in.
    """

    def __init__(
        self,
        weights: Weights,
        device: torch.device,
        folder: Path,
        *,
        render: Callable[[Explanation], bytes],
        render_sheet: RenderSheet,
        notify: Callable[[Notice], None],
    ) -> None:
        """Prepares to explain.

        Args:
            weights: What the verdicts come from.
            device: Where to compute.
            folder: Where the pictures go; made where it is not there.
            render: Makes the PNG file of an explanation.
            render_sheet: Makes a page of a contact sheet.
            notify: Told what the person should read.
        """
        self._weights = weights
        self._device = device
        self._folder = folder
        self._render = render
        self._render_sheet = render_sheet
        self._notify = notify
        self._explained = 0
        self._last: Path | None = None
        self._page: list[Explanation] = []
        self._pages: list[Path] = []

    def __enter__(self) -> Self:
        """Builds the network, and sees that the folder can be written.

        Raises:
            ConfigError: Where captum is missing, the network cannot be explained, or the folder is
                a file or cannot be written.
            NoSpaceLeft: Where the disk is full.
        """
        require_captum()
        with torch.inference_mode(mode=False):  # or its parameters could not be used for gradients
            module = self._weights.build()
            module.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self._explainer = Explainer(module, self._weights.preprocessing)
        prepare_folder(self._folder)
        self._sheets = place_sheets(self._folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None or self._last is None:
            return
        if self._explained == 1:
            self._notify(Notice(f"Explanation: {self._last}"))
            return
        self._write_sheet()
        remove_further_sheets(self._sheets)
        sheets = " to ".join(path.name for path in dict.fromkeys((self._pages[0], self._pages[-1])))
        count = counted(self._explained, "image")
        self._notify(Notice(f"Explanations: {self._folder} ({count}, {sheets})"))

    def add(self, prediction: Prediction) -> Path | None:
        """Explains a verdict: the likelier class, also where it is Uncertain.

        The image is read again. Where that no longer works, a notice says so.

        Returns:
            The picture; None where there is no verdict on a file.

        Raises:
            ConfigError: Where the picture cannot be written.
            NoSpaceLeft: Where the disk is full.
        """
        if prediction.path is None or prediction.p_deepfake is None:
            return None
        source = Path(prediction.path)
        if source.is_fifo():  # where another reading would wait, maybe for ever
            self._notify(Notice(f"not explained: {source}: a pipe, read to its end", "warning"))
            return None
        try:
            image = prepare(decode_image(source), self._weights.preprocessing.image_size_px)
        except ImageError as error:
            self._notify(Notice(f"not explained: {error.message}", "warning"))
            return None
        label = DEEPFAKE if prediction.p_deepfake >= prediction.threshold else REAL
        heat = self._explainer.explain(image[None], [label])[0]
        rows = tuple(tuple(row) for row in heat.tolist())
        explanation = Explanation(prediction, LABELS[label], _dump_picture(image), rows)
        path = place_picture(self._folder, source)
        write_picture(path, self._render(explanation), subject=identify(source))
        if len(self._page) == PER_SHEET:
            self._write_sheet(more=True)
        self._page.append(explanation)
        self._explained += 1
        self._last = path
        return path

    def _write_sheet(self, *, more: bool = False) -> None:
        page = len(self._pages) + 1 if self._pages or more else None
        png = self._render_sheet(self._page, page=page)
        path = next(self._sheets)
        write_picture(path, png, subject=SHEET)
        self._pages.append(path)
        self._page.clear()


def _dump_picture(image: Tensor) -> bytes:
    """A PNG file of uint8 [3, h, w]."""
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "PNG")
    return file.getvalue()
