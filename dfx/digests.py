"""SHA-256 of files, as it is stored: with the algorithm as prefix. Imports nothing of ours."""

import hashlib
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20


def hash_file(path: Path) -> str:
    """SHA-256 of a file, with the algorithm as prefix."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def copy_file(source: BinaryIO, target: BinaryIO) -> str:
    """Copies the rest of a file.

    Returns:
        SHA-256 of what was copied, with the algorithm as prefix.
    """
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK_BYTES):
        digest.update(chunk)
        target.write(chunk)
    return "sha256:" + digest.hexdigest()
