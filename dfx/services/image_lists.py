"""Tables with a line for each image: contents by digest, and predictions."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from dfx.data.index import SplitIndex
from dfx.records import CLASS_NAMES, DEEPFAKE, REAL
from dfx.training.checkpoint import write_durably


def write_manifest(home: Path, index: SplitIndex) -> None:
    """Keeps the content digest of every image of a split, once per content of the split."""
    path = _locate(home, index.summarise().content_digest)
    # Its row is there already: `dfx gc` looks for it again after it has put a file aside.
    if path.exists():
        return
    rows = [
        (image.name, CLASS_NAMES[image.label], image.bytes, sha256)
        for image, sha256 in zip(index.images, index.sha256, strict=True)
    ]
    table = _dump(("path", "truth", "bytes", "sha256"), rows)
    write_durably(path, gzip.compress(table, mtime=0))


def find_manifest(home: Path, content_digest: str) -> dict[str, str] | None:
    """Content digests of a split's images by name; None where it was not kept, or is damaged.

    Args:
        home: That of the run which has read the split.
        content_digest: As in `SplitSummary`.
    """
    try:
        data = gzip.decompress(_locate(home, content_digest).read_bytes())
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


def _locate(home: Path, content_digest: str) -> Path:
    return home / ".images" / f"{content_digest.removeprefix('sha256:')}.csv.gz"


def _dump(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8", "surrogateescape")
