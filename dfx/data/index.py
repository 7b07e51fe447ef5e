"""The index of a split: which images are used, checked one by one before training.

Every file is read and decoded once, in threads. That gives the content digests, finds the damaged
files while somebody is still watching, and fixes the number of steps. What was found is remembered
by size and modification time, so that the next run need not look again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dfx.data.decode import decode_image
from dfx.data.folders import LAYOUT, FaceFolder, find_split
from dfx.errors import OUT_OF_SPACE, DataError, ImageError, NoSpaceLeft, StoreError
from dfx.records import CLASS_NAMES, DEEPFAKE, REAL, Split, SplitSummary


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One file of a split.

    Attributes:
        name: Class and path below the class folder, with forward slashes: `deepfake/a/1.png`. It
            does not depend on what the class folder is called.
        path: Where it lies.
        label: 0 real, 1 deepfake.
        bytes: Size.
        modified_ns: Modification time, nanoseconds.
    """

    name: str
    path: Path
    label: int
    bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class SplitIndex:
    """The images of a split that are used, in the order that sample indices refer to.

    Attributes:
        sha256: Content digest of each image, hexadecimal.
        skipped: Name and reason of each unreadable image.
    """

    split: Split
    images: tuple[ListedImage, ...]
    sha256: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def labels(self) -> list[int]:
        """The label of each image."""
        return [image.label for image in self.images]

    def summarise(self) -> SplitSummary:
        """Counts and digests.

        The canonical forms are a line per image, sorted by name: name, tab, size in bytes; and
        name, tab, content digest. Changing them changes every digest that was ever stored.
        """
        pairs = sorted(zip(self.images, self.sha256, strict=True), key=lambda pair: pair[0].name)
        labels = self.labels
        return SplitSummary(
            split=self.split,
            digest=digest_listing(self.images),
            content_digest=_digest(f"{image.name}\t{sha256}\n" for image, sha256 in pairs),
            real=labels.count(REAL),
            deepfake=labels.count(DEEPFAKE),
            skipped=self.skipped,
        )


def digest_listing(images: Iterable[ListedImage]) -> str:
    """The digest of a split as `SplitSummary` has it: of names, with classes, and sizes."""
    ordered = sorted(images, key=lambda image: image.name)
    return _digest(f"{image.name}\t{image.bytes}\n" for image in ordered)


def hash_name(name: str) -> bytes:
    """A digest by which some of many images are chosen: from everywhere, and always the same."""
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def list_split(
    root: Path, split: Split, *, limit: int | None, to_train: bool = True
) -> tuple[ListedImage, ...]:
    """Lists the images of a split without reading them.

    Args:
        root: The data folder.
        split: Which split.
        limit: Images per class. Which ones is decided by a digest of their names, so that they
            come from all subfolders, and a larger limit adds to those of a smaller one.
        to_train: Whether the classes must both be there, in a folder of the split. To be scored,
            one is enough, and the root itself may be the split.

    Raises:
        DataError: Where the folders are not as they should be.
    """
    folder = find_split(root, split, may_be_root=not to_train)
    listed: list[ListedImage] = []
    samples = FaceFolder(folder, needs_both=to_train).samples
    for label, class_name in enumerate(CLASS_NAMES):
        paths = [Path(path) for path, its_label in samples if its_label == label]
        named = [
            (f"{class_name}/{'/'.join(path.relative_to(folder).parts[1:])}", path) for path in paths
        ]
        if limit is not None:
            named = sorted(sorted(named, key=lambda item: hash_name(item[0]))[:limit])
        listed += (_list_image(name, path, label) for name, path in named)
    return tuple(listed)


def check_images(
    split: Split,
    images: Sequence[ListedImage],
    *,
    memory: Path | None,
    fail_on_bad: bool,
    progress: Callable[[int, int], None],
    to_train: bool = True,
) -> SplitIndex:
    """Reads and decodes every image.

    Args:
        split: Which split they are of.
        images: As `list_split` gave them.
        memory: File that remembers what was found; None remembers nothing.
        fail_on_bad: Whether the first unreadable image is an error.
        progress: Called with images done and their total. What it raises ends the check.
        to_train: Whether both classes must be there; to be scored, any image is enough.

    Raises:
        DataError: Where an image is unreadable and `fail_on_bad`, or a class has none left.
        NoSpaceLeft: Where the disk is full, so that what was found cannot be remembered.
        StoreError: Where it cannot be for another reason.
    """
    known = _recall(memory)
    found: list[_Finding] = []
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            findings = zip(images, _check_all(pool, images, known), strict=True)
            for done, (image, finding) in enumerate(findings, start=1):
                found.append(finding)
                if finding.error and fail_on_bad:
                    raise ImageError(
                        f"{image.path}: {finding.error}",
                        hint="replace or remove the file, or pass over such files with"
                        " --set data.on_bad_image=skip",
                    )
                progress(done, len(images))
    finally:
        _remember(memory, known, images, found)
    good = [(i, f) for i, f in zip(images, found, strict=True) if not f.error]
    index = SplitIndex(
        split=split,
        images=tuple(image for image, _ in good),
        sha256=tuple(finding.sha256 for _, finding in good),
        skipped=tuple((i.name, f.error) for i, f in zip(images, found, strict=True) if f.error),
    )
    labels = set(index.labels)
    if not labels and not to_train:
        first = found[0].error
        raise DataError(
            f"none of the {len(images)} images of split {split!r} can be read; {images[0].path}:"
            f" {first}",
            hint="see that they are whole, and JPG or PNG",
        )
    for label, class_name in enumerate(CLASS_NAMES):
        if label not in labels and to_train:
            raise DataError(
                f"split {split!r} has no readable image of class {class_name!r}", hint=LAYOUT
            )
    return index


def _list_image(name: str, path: Path, label: int) -> ListedImage:
    try:
        status = path.stat()
    except OSError:
        # A link to nowhere, or a file that has just gone: checking it will say so.
        return ListedImage(name, path, label, bytes=0, modified_ns=0)
    return ListedImage(name, path, label, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a check found: the digest, or why the image cannot be used."""

    bytes: int
    modified_ns: int
    sha256: str
    error: str


def _check(image: ListedImage, known: dict[str, _Finding]) -> _Finding:
    before = known.get(str(image.path.absolute()))
    if before and (before.bytes, before.modified_ns) == (image.bytes, image.modified_ns):
        return before
    error, sha256 = "", ""
    try:
        data = _read_file(image.path)
        sha256 = hashlib.sha256(data).hexdigest()
        decode_image(data)
    except OSError as problem:
        error = problem.strerror or str(problem)
    except ImageError as problem:
        error = " ".join(problem.message.removeprefix("image: ").split())
    return _Finding(image.bytes, image.modified_ns, sha256, error)


def _read_file(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        # A named pipe would keep the reader waiting for ever.
        raise ImageError("not a regular file")
    return path.read_bytes()


def _check_all(
    pool: ThreadPoolExecutor, images: Sequence[ListedImage], known: dict[str, _Finding]
) -> Iterator[_Finding]:
    """Findings in order, with only so much work queued that an interruption is quick."""
    remaining = iter(images)
    queued = [pool.submit(_check, image, known) for image in islice(remaining, 64)]
    while queued:
        yield queued.pop(0).result()
        queued += [pool.submit(_check, image, known) for image in islice(remaining, 1)]


def _recall(memory: Path | None) -> dict[str, _Finding]:
    """What earlier checks found, by absolute path. A line that does not parse does not count."""
    known: dict[str, _Finding] = {}
    if memory is None or not memory.is_file():
        return known
    # Names may hold whatever else `splitlines` takes for the end of a line.
    for line in memory.read_bytes().decode("utf-8", "surrogateescape").split("\n"):
        parts = line.split("\t", 3)
        if len(parts) == 4 and parts[0].isdecimal() and parts[1].isdecimal():
            known[parts[3]] = _Finding(int(parts[0]), int(parts[1]), parts[2], "")
    return known


def _remember(
    memory: Path | None,
    known: dict[str, _Finding],
    images: Sequence[ListedImage],
    found: Sequence[_Finding],
) -> None:
    if memory is None:
        return
    merged = dict(known)
    for image, finding in zip(images, found, strict=False):
        path = str(image.path.absolute())
        # What could not be read may be readable tomorrow, and is little to look at again.
        if "\n" not in path and not finding.error:
            merged[path] = finding
    if merged == known:
        return
    lines = (f"{f.bytes}\t{f.modified_ns}\t{f.sha256}\t{path}\n" for path, f in merged.items())
    content = "".join(lines).encode("utf-8", "surrogateescape")
    draft = memory.with_name(f"{memory.name}.{os.getpid()}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(memory)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        message = f"cannot write {memory} ({len(content):,} bytes): {error.strerror or error}"
        if error.errno in OUT_OF_SPACE:
            raise NoSpaceLeft(message, hint="free some space, or use another home") from None
        raise StoreError(message, hint="make it writable, or use another home") from None


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape"))
    return "sha256:" + digest.hexdigest()
