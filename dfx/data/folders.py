"""Labelled image folders on disk: finding them, and saying what is wrong with them.

Reading the images is `dfx.data.decode`'s work, checking them `dfx.data.index`'s.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from torchvision.datasets import ImageFolder

from dfx.data.decode import decode_image
from dfx.data.walk import list_folder, walk_images
from dfx.errors import DataError
from dfx.records import CLASS_NAMES, DEEPFAKE, REAL, Split

CLASS_FOLDERS = {"real": REAL, "deepfake": DEEPFAKE, "fake": DEEPFAKE}
"""Label by folder name; letter case is ignored."""

SPLIT_FOLDERS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
"""Folder names of each split; letter case is ignored."""

SUFFIXES = (".jpg", ".jpeg", ".png")

LAYOUT = (
    "lay the images out as ROOT/train/real, ROOT/train/deepfake, ROOT/val/real, ROOT/val/deepfake"
    " and name ROOT with --data; `dfx data sample dataset` writes a small set to try"
)


class FaceFolder(ImageFolder):  # type: ignore[misc]  # torchvision ships no types
    """torchvision's `ImageFolder` with labels that do not depend on folder order.

    `real` is 0 and `deepfake` (or `fake`) is 1. Hidden files are passed over, and a link back to a
    folder above does not make the walk endless. Samples are sorted by class and path.

    Args:
        folder: The split's folder, holding one folder per class.
        needs_both: Whether a class may not be missing or empty.

    Raises:
        DataError: Where a class is missing, empty, doubled or unknown.
    """

    def __init__(self, folder: Path, *, needs_both: bool = True) -> None:
        self._needs_both = needs_both
        super().__init__(folder, loader=decode_image)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The class folders of a split and their labels."""
        labels: dict[str, int] = {}
        for name in _folders(Path(directory)):
            label = CLASS_FOLDERS.get(name.lower())
            if label is None:
                near = difflib.get_close_matches(name.lower(), CLASS_FOLDERS, n=1)
                raise DataError(
                    f"{Path(directory) / name}: {name!r} is no class;"
                    " expected the folders 'real' and 'deepfake' (or 'fake')",
                    hint=f"rename it to {near[0]!r}" if near else "move it elsewhere",
                )
            if label in labels.values():
                both = sorted(n for n in (*labels, name) if CLASS_FOLDERS[n.lower()] == label)
                raise DataError(
                    f"{directory} holds both {both[0]!r} and {both[1]!r}, the same class twice",
                    hint="put all images of the class into one of them and remove the other",
                )
            labels[name] = label
        for label, class_name in enumerate(CLASS_NAMES):
            if label not in labels.values() and (self._needs_both or not labels):
                raise DataError(f"{directory} has no folder {class_name!r}", hint=LAYOUT)
        return sorted(labels, key=labels.__getitem__), labels

    def make_dataset(
        self,
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,  # noqa: ARG002  # ours are SUFFIXES
        is_valid_file: Callable[[str], bool] | None = None,  # noqa: ARG002  # as above
        allow_empty: bool = False,  # noqa: ARG002, FBT001, FBT002  # torchvision's signature
    ) -> list[tuple[str, int]]:
        """Paths and labels of all images of the split."""
        samples: list[tuple[str, int]] = []
        for name, label in sorted(class_to_idx.items(), key=lambda item: item[1]):
            folder = Path(directory) / name
            paths = sorted(walk_images(folder, SUFFIXES))
            if not paths and self._needs_both:
                raise DataError(
                    f"{folder} holds no image; expected files ending in {', '.join(SUFFIXES)}",
                    hint=LAYOUT,
                )
            samples += ((path, label) for path in paths)
        if not samples:
            raise DataError(
                f"{directory} holds no image; expected files ending in {', '.join(SUFFIXES)}",
                hint=LAYOUT,
            )
        return samples


def find_split(root: Path, split: Split, *, may_be_root: bool = False) -> Path:
    """The folder of a split.

    Args:
        root: The data folder.
        split: Which split.
        may_be_root: Whether a root that has no splits, but the folders of the classes, is taken for
            the split, as sets are often published.

    Raises:
        DataError: Where the root or the split is missing, or the split is there twice.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DataError(f"data folder {str(root)!r} {what}", hint=LAYOUT)
    found = [name for name in _folders(root) if name.lower() in SPLIT_FOLDERS[split]]
    if not found and may_be_root and is_split_itself(root):
        return root
    if not found:
        wanted = " or ".join(repr(name) for name in SPLIT_FOLDERS[split])
        raise DataError(f"data folder {str(root)!r} has no folder {wanted}", hint=LAYOUT)
    if len(found) > 1:
        raise DataError(
            f"data folder {str(root)!r} holds {' and '.join(map(repr, found))},"
            " which mean the same split",
            hint="keep one of them",
        )
    return root / found[0]


def is_split_itself(root: Path) -> bool:
    """Whether a folder has no splits, but the folders of the classes."""
    if not root.is_dir():
        return False
    names = {name.lower() for name in _folders(root)}
    return bool(names & set(CLASS_FOLDERS)) and not any(map(find_split_name, names))


def find_split_name(name: str) -> Split | None:
    """The split that a folder of this name holds, or None."""
    found = (split for split, names in SPLIT_FOLDERS.items() if name.lower() in names)
    return next(found, None)


def _folders(folder: Path) -> list[str]:
    return [entry.name for entry in list_folder(folder) if Path(entry.path).is_dir()]
