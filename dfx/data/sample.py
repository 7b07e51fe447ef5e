"""A small labelled image set for demonstrations, drawn instead of downloaded.

Here lives the set as a whole: which images there are, how each follows from the seed, and how they
come to lie in a folder. What the people look like is in ``portrait``, how they are photographed in
``camera``, how faces are forged in ``blend``.

Both classes are drawn from one distribution and compressed by the same step with the same settings;
they differ by the forgery alone. `tests/data/test_sample.py` holds the set to that.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
from PIL import Image

from dfx.data.blend import swap_face
from dfx.data.camera import photograph
from dfx.data.portrait import draw_portrait
from dfx.errors import DataError
from dfx.records import CLASS_NAMES, DEEPFAKE, Split

IMAGE_SIZE_PX = 96
"""Width and height of every image. Train at this size: resizing would wipe out the fine traces."""

MIN_IMAGES = 20
"""The smallest set; below it a split would be left with one image of a class."""

RECORD_NAME = "sample.json"
"""The file beside the splits that says which set this is."""

_RECIPE = 1  # goes up whenever the same seed gives other pictures, so that two never mix
_DRAWING_PX = 2 * IMAGE_SIZE_PX  # the lens needs detail finer than the sensor's to act upon
_JPEG_QUALITY = 92
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What `write_sample` leaves behind.

    Attributes:
        folder: The data root, as given.
        images: Images in all.
        seed: What they were drawn from.
        image_size_px: Width and height of every image.
        per_class: Images of each class in train, val and test.
        written: How many of them were written now; the others were found in place.
    """

    folder: Path
    images: int
    seed: int
    image_size_px: int
    per_class: dict[Split, int]
    written: int


class _Picture(NamedTuple):
    """One image of a set; its content is a pure function of the seed and these three."""

    split: Split
    label: int
    number: int

    @property
    def place(self) -> str:
        """Path below the data root, with forward slashes."""
        return f"{self.split}/{CLASS_NAMES[self.label]}/{self.number:04d}.jpg"


def write_sample(
    folder: Path,
    *,
    images: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> SampleReport:
    """Makes the folder hold exactly this set, as `{train,val,test}/{real,deepfake}/NNNN.jpg`.

    The same seed gives the same bytes on one software stack. A set that was only partly written is
    completed, and one that is already complete is left as it is.

    Args:
        folder: The data root; made if it is not there.
        images: Images in all, even, at least `MIN_IMAGES`; split 70/15/15 %, both classes alike.
        seed: Any whole number.
        progress: Is told, in the calling thread, how many images were written and how many are
            to be written.

    Raises:
        DataError: The number of images cannot be split, the folder holds something else, or it
            cannot be written.
    """
    per_class = split_counts(images)
    wanted = {picture.place: picture for picture in _pictures(per_class)}
    record = {"recipe": _RECIPE, "images": images, "seed": seed, "image_size_px": IMAGE_SIZE_PX}
    try:
        _claim(folder, record, set(wanted))
        missing = [p for place, p in wanted.items() if not _is_whole(folder / place)]
        _write_pictures(folder, missing, seed, progress)
    except OSError as error:
        raise DataError(
            f"cannot write the sample images to {folder}: {error}",
            hint="Name a folder on a disk that can be written and has room.",
        ) from error
    return SampleReport(folder, images, seed, IMAGE_SIZE_PX, per_class, len(missing))


def split_counts(images: int) -> dict[Split, int]:
    """How many images of each class go to each split: 15 % each to val and test, rounded.

    >>> split_counts(1000)
    {'train': 350, 'val': 75, 'test': 75}

    Raises:
        DataError: The number is odd or below `MIN_IMAGES`.
    """
    if images < MIN_IMAGES or images % 2:
        raise DataError(
            f"cannot make a sample set of {images} images: "
            f"expected an even number, {MIN_IMAGES} or more",
            hint=f"Ask for {max(MIN_IMAGES, images + images % 2)} images.",
        )
    of_class = images // 2
    held_out = (15 * of_class + 50) // 100
    return {"train": of_class - 2 * held_out, "val": held_out, "test": held_out}


def jpeg_of_picture(seed: int, split: Split, label: int, number: int) -> bytes:
    """One image of the set: drawn, photographed, forged where its label says so, and compressed."""

    def chance(purpose: str) -> np.random.Generator:
        # A digest keeps all of these apart, where adding them up would make neighbours collide.
        words = f"dfx-sample/{_RECIPE}/{seed}/{split}/{CLASS_NAMES[label]}/{number}/{purpose}"
        digest = blake2b(words.encode(), digest_size=16).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))

    portrait = draw_portrait(chance("portrait"), _DRAWING_PX)
    photo = photograph(portrait.light, chance("camera"), IMAGE_SIZE_PX)
    if label == DEEPFAKE:
        photo = swap_face(photo, portrait.face, chance("forgery"))
    jpeg = io.BytesIO()
    # Optimised Huffman tables would put a digest of the content into the header.
    Image.fromarray(np.uint8(np.rint(photo * 255))).save(
        jpeg, "JPEG", quality=_JPEG_QUALITY, optimize=False
    )
    return jpeg.getvalue()


def _pictures(per_class: dict[Split, int]) -> Iterator[_Picture]:
    for split in get_args(Split):
        for number in range(per_class[split]):
            for label in range(len(CLASS_NAMES)):
                yield _Picture(split, label, number)


def _claim(folder: Path, record: dict[str, int], places: set[str]) -> None:
    """Makes sure that the folder holds nothing but this set, and marks it as its place."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder", hint="Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / RECORD_NAME
    found = _read_record(note)
    if found is not None and found != record:
        raise DataError(
            f"{folder} holds another sample set ({_described(found)}), not {_described(record)}",
            hint="Name another folder, or remove that one.",
        )
    strangers = sorted(_visible_files(folder) - places - {RECORD_NAME})
    if found is None:
        strangers = sorted(_visible_files(folder) - {RECORD_NAME})
    if strangers:
        raise DataError(
            f"{folder} already holds something else: {strangers[0]}"
            + (f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""),
            hint="Name a new or an empty folder.",
        )
    if found is None:  # by way of another name, since a half-written record could not be resumed
        draft = note.with_name(f".{RECORD_NAME}.part")
        draft.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        draft.replace(note)


def _read_record(note: Path) -> dict[str, int] | None:
    if not note.exists():
        return None
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{note} is not the record of a sample set", hint="Name another folder.")
    return found


def _described(record: dict[str, int]) -> str:
    return ", ".join(f"{key} {value}" for key, value in record.items())


def _visible_files(folder: Path) -> set[str]:
    """Files at any depth, relative, but for hidden ones, which file managers strew about."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return {path.as_posix() for path in paths if not any(p.startswith(".") for p in path.parts)}


def _is_whole(path: Path) -> bool:
    """Whether a JPEG file was written to its end; the end marker cannot occur before it."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    return content.startswith(_JPEG_START) and content.endswith(_JPEG_END)


def _write_pictures(
    folder: Path,
    pictures: list[_Picture],
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    for split in get_args(Split):
        for name in CLASS_NAMES:
            (folder / split / name).mkdir(parents=True, exist_ok=True)

    def write(picture: _Picture) -> None:
        (folder / picture.place).write_bytes(jpeg_of_picture(seed, *picture))

    # Threads, since numpy and Pillow compute without the interpreter's lock, and since processes
    # would import the caller's main module again where they are spawned.
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, 8))
    try:
        for done, _ in enumerate(pool.map(write, pictures), start=1):
            if progress is not None:
                progress(done, len(pictures))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C too, not the whole queue first
