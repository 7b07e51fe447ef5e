"""Tables with a line for each image: contents by digest, and predictions.

Whoever compares runs reads them, and must not pay for what writes them.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dfx.records import CLASS_NAMES, DEEPFAKE, REAL

if TYPE_CHECKING:
    from dfx.data.index import SplitIndex


def dump_manifest(index: SplitIndex) -> bytes:
    """The content digest of every image of a split."""
    rows = [
        (image.name, CLASS_NAMES[image.label], image.bytes, sha256)
        for image, sha256 in zip(index.images, index.sha256, strict=True)
    ]
    return gzip.compress(_dump(("path", "truth", "bytes", "sha256"), rows), mtime=0)


def locate_manifest(home: Path, content_digest: str) -> Path:
    """Where the manifest of a split is kept, by its content."""
    return home / ".images" / f"{content_digest.removeprefix('sha256:')}.csv.gz"


def find_manifest(home: Path, content_digest: str) -> dict[str, str] | None:
    """Content digests of a split's images by name; None where it was not kept, or is damaged.

    Args:
        home: That of the run which has read the split.
        content_digest: As in `SplitSummary`.
    """
    try:
        data = gzip.decompress(locate_manifest(home, content_digest).read_bytes())
    except (OSError, EOFError, zlib.error):
        return None
    text = io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")
    return {row["path"]: row["sha256"] for row in csv.DictReader(text)}


def dump_predictions(
    names: Sequence[str], labels: Sequence[int], p_deepfake: Sequence[float], *, threshold: float
) -> bytes:
    """Predictions as CSV: path, truth, p_deepfake in full precision, and the verdict.

    Args:
        names: Class and path of each image.
        labels: 0 real, 1 deepfake.
        p_deepfake: In [0, 1].
        threshold: p_deepfake from which an image is called a deepfake.
    """
    rows = (
        (name, CLASS_NAMES[label], repr(p), CLASS_NAMES[DEEPFAKE if p >= threshold else REAL])
        for name, label, p in zip(names, labels, p_deepfake, strict=True)
    )
    return _dump(("path", "truth", "p_deepfake", "label"), rows)


def _dump(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    buffer = io.StringIO()
    # Names with a carriage return are quoted only where it is part of the line's end.
    writer = csv.writer(_Lines(buffer), lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8", "surrogateescape")


class _Lines:
    """Takes lines that end with both characters, and ends them with the second."""

    def __init__(self, buffer: io.StringIO) -> None:
        self._buffer = buffer

    def write(self, line: str) -> int:
        return self._buffer.write(line.removesuffix("\r\n") + "\n")
