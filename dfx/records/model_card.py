"""All that a model card shows of weights: what their file knows, and what the record adds.

A card is given away with the weights. So nothing in here names a person's machine or a folder on
it; of paths there are last names only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dfx.records import Evaluation, Preprocessing, SplitSummary
from dfx.records.evaluation import Interval
from dfx.records.prediction import ImageProfile


@dataclass(frozen=True, slots=True)
class CardRecord:
    """What only the record of a run knows.

    Attributes:
        data: The splits it trained and validated on.
        epochs: How many it has finished.
        evaluations: Of the epoch that the weights are of, the newest on each set of images: those
            made by hand, test splits first and validation last, or else training's own.
        training_interval: Of the accuracy in training's own report; None where that is not among
            the evaluations.
        robustness: Likewise, the newest on each set that went through the suite of changes.
        test_uses: How often the run has used a test split.
        initial: Provenance of the weights that it started from, as in `Run.weights`, of a local
            file without its folder.
        software: Versions of dfx, torch and timm that made the epoch, as far as they are recorded.
        revision: Of the code in the folder that it was started in; None where there was no git.
        is_revision_all: Whether there was nothing that was not committed.
    """

    data: tuple[SplitSummary, ...]
    epochs: int
    evaluations: tuple[Evaluation, ...]
    training_interval: Interval | None
    robustness: tuple[Evaluation, ...]
    test_uses: int
    initial: Mapping[str, Any]
    software: Mapping[str, str]
    revision: str | None
    is_revision_all: bool

    def find_split(self, split: str) -> SplitSummary | None:
        """The summary of one split, or None where the run has not read it."""
        return next((summary for summary in self.data if summary.split == split), None)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Weights, described for whoever is given them.

    Attributes:
        run: Name of the run they come from.
        run_uuid: Its identity everywhere.
        epoch: Epoch they come from.
        step: Optimiser steps done by then.
        architecture: timm's name.
        parameters: How many numbers were trained, or kept frozen.
        preprocessing: How an image becomes the network's input.
        threshold: Calibrated p_deepfake from which the label is Deepfake.
        temperature: What the logits are divided by before the softmax.
        precision: Number format it was trained and validated in.
        metrics: Validation metrics at that epoch, uncalibrated, at threshold 0.5.
        config: The run's configuration by dotted key; of paths the last name, None where they have
            none.
        training_images: What the images it was trained on are like; None where that is not known.
        digest: Of the weights file.
        software: Versions of dfx, torch and timm that the exported files were written with.
        timm_needed: The first version of timm that loads them.
        record: None where only the weights file was at hand.
    """

    run: str
    run_uuid: str
    epoch: int
    step: int
    architecture: str
    parameters: int
    preprocessing: Preprocessing
    threshold: float
    temperature: float
    precision: str
    metrics: Mapping[str, float | None]
    config: Mapping[str, Any]
    training_images: ImageProfile | None
    digest: str
    software: Mapping[str, str]
    timm_needed: str
    record: CardRecord | None
