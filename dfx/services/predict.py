"""Judging the images that a person means, among which some may not be there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dfx.records.prediction import Prediction
from dfx.services.detector import Detector
from dfx.services.images import FoundImage


def judge(
    detector: Detector, found: Sequence[FoundImage], *, uncertain: float
) -> Iterator[Prediction]:
    """A record for each image in its order, as soon as its batch is done.

    Args:
        detector: What judges.
        found: The images; those that cannot be used get a record with their error.
        uncertain: As `Detector.predict` takes it.
    """
    judged = detector.stream((each.path for each in found if not each.error), uncertain=uncertain)
    for each in found:
        yield detector.refuse(each.path, each.error) if each.error else next(judged)
