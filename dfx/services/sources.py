"""Where images come from, as far as their folders and their files' formats tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dfx.data.file_format import find_file_format
from dfx.data.index import ListedImage
from dfx.records import CLASS_NAMES


def list_sources(images: Sequence[ListedImage]) -> list[str] | None:
    """A label for each image: its class, and the first folder below that of the class.

    Returns:
        None where no image lies in a subfolder, so that sources would be the classes.
    """
    labels = ["/".join(image.name.split("/")[:-1][:2]) for image in images]
    return labels if any("/" in label for label in labels) else None


def count_formats(images: Sequence[ListedImage]) -> dict[str, dict[str, int]]:
    """Images by class and file format, by the first bytes of each file; the commonest first."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in CLASS_NAMES}
    for image in images:
        counts[CLASS_NAMES[image.label]][find_file_format(image.path) or "unreadable"] += 1
    return {name: dict(count.most_common()) for name, count in counts.items()}
