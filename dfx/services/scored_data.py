"""Which images an evaluation scores, and which of them the run has seen before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dfx.data.folders import LAYOUT, find_split_name, is_split_itself
from dfx.data.index import ListedImage, SplitIndex, check_images, digest_listing, list_split
from dfx.errors import ConfigError, DataError
from dfx.messages import Counting, Notice
from dfx.records import Run, Split, SplitSummary
from dfx.records.evaluation import Overlap
from dfx.services.home import as_absolute
from dfx.services.image_lists import find_manifest

_FITTED_ON: Split = "val"
_SEEN: tuple[Split, Split] = ("train", "val")
_MOSTLY = 0.5
"""Share from which a set with other images in it, or without some, is still taken for the same."""


@dataclass(frozen=True, slots=True)
class ChosenData:
    """A split that shall be scored; no image of it has been opened.

    Attributes:
        root: Its data folder, absolute.
        split: Which split.
        is_own: Whether it is the data that the run was trained on.
        limit: The most images of each class; None takes all.
        listed: The images.
        digest: Of the listing.
    """

    root: Path
    split: Split
    is_own: bool
    limit: int | None
    listed: tuple[ListedImage, ...]
    digest: str

    @property
    def name(self) -> str:
        """What the data set is called."""
        return self.root.name or str(self.root)


def choose_data(
    run: Run,
    settings: Mapping[str, Any],
    *,
    data: Path | None,
    split: Split | None,
    limit: int | None,
    notify: Callable[[Notice], None],
) -> ChosenData:
    """Finds and lists the images that shall be scored.

    Args:
        run: Whose weights are to be scored.
        settings: Its configuration, with machine and plan as used last.
        data: A data folder; the run's own where None.
        split: Which split of it; where None, validation, or the one that the folder is itself.
        limit: The most images of each class; where None, as many as the run took for training and
            validation, and all of any other split.
        notify: Told where the run's own validation images have changed.

    Raises:
        ConfigError: Where a folder without splits does not say which it is.
        DataError: Where the folders are not as they should be.
    """
    own_root = as_absolute(Path(str(settings["data.root"])))
    root = own_root if data is None else as_absolute(data)
    root, split = _resolve_split(root, split)
    is_own = root.resolve() == own_root.resolve() or _holds_own(root, run)
    recorded = run.find_split(split)
    if is_own and limit is None and split != "test":
        limit = run.config.data.limit
    try:
        listed = list_split(root, split, limit=limit, to_train=False)
    except DataError as error:
        if data is None and not root.is_dir():
            raise DataError(
                f"the data of {run.name} is not where it was: {root}",
                hint=f"say where it is now: dfx evaluate {run.name} --split {split} --data DIR",
            ) from None
        raise _explain(error, root, split) from None
    digest = _digest(listed, recorded)
    is_unchanged = recorded is not None and digest == recorded.digest
    if is_own and recorded and not is_unchanged and limit == run.config.data.limit:
        notify(
            Notice(
                f"the {split} images in {root} are no longer those that {run.name} worked on:"
                " they are scored as they are, by content those it has seen",
                "warning",
            )
        )
    return ChosenData(root, split, is_own, limit, listed, digest)


def check_chosen(
    chosen: ChosenData, *, memory: Path, notify: Callable[[Counting], None]
) -> SplitIndex:
    """Opens every image once; those that cannot be read are named in the index.

    Args:
        chosen: As `choose_data` gave it.
        memory: As `check_images` takes it.
        notify: Told how far it is.

    Raises:
        DataError: Where none can be read.
    """
    return check_images(
        chosen.split,
        chosen.listed,
        memory=memory,
        fail_on_bad=False,
        to_train=False,
        progress=lambda done, total: notify(
            Counting(f"Checking {chosen.split} images", done, total)
        ),
    )


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Which images of a scored set the run has seen, by content.

    Attributes:
        is_in_sample: Whether the set counts as the one that threshold and temperature were fitted
            on: at least half of it are validation images of the run, or at least half of those are
            in it.
        seen: [n], which images a reading without overlap leaves out: those of training and of
            validation; of a set of validation images alone, those of training.
        overlap: The counts.
    """

    is_in_sample: bool
    seen: NDArray[np.bool_]
    overlap: Overlap


def find_overlap(run: Run, home: Path, chosen: ChosenData, index: SplitIndex) -> Acquaintance:
    """Compares the contents of a scored set with those that the run was trained and validated on.

    Args:
        run: With the digests of its splits.
        home: Where its lists of images are kept.
        chosen: What was to be scored.
        index: The scored set.
    """
    train, val = (_find_seen(run, home, index, split) for split in _SEEN)
    nothing = np.zeros(len(index.images), np.bool_)
    seen = nothing if train is None else train.scored
    if val is None:
        # Nobody can tell one by one. What is called so, and lies where it did, is taken for it.
        is_in_sample = chosen.is_own and chosen.split == _FITTED_ON
    else:
        share_of_val = len(val.contents & set(index.sha256)) / max(1, len(val.contents))
        is_in_sample = bool(val.scored.mean() >= _MOSTLY or share_of_val >= _MOSTLY)
        if not val.scored.all():
            seen = seen | val.scored
    missing = [what for what, found in (("training", train), ("validation", val)) if found is None]
    unknown = f"the list of {run.name}'s {' and '.join(missing)} images is not there"
    return Acquaintance(
        is_in_sample,
        seen,
        Overlap(
            train=None if train is None else int(train.scored.sum()),
            val=None if val is None else int(val.scored.sum()),
            either=int(seen.sum()),
            unknown=unknown if missing else None,
        ),
    )


class _Seen(NamedTuple):
    """What a run has seen of a split of its own.

    Attributes:
        scored: [n], whether each scored image is among its images.
        contents: Digests of its images.
    """

    scored: NDArray[np.bool_]
    contents: frozenset[str]


def _find_seen(run: Run, home: Path, index: SplitIndex, split: Split) -> _Seen | None:
    recorded = run.find_split(split)
    manifest = None if recorded is None else find_manifest(home, recorded.content_digest)
    if manifest is None:
        return None
    contents = frozenset(manifest.values())
    return _Seen(np.array([sha256 in contents for sha256 in index.sha256], np.bool_), contents)


def _resolve_split(root: Path, split: Split | None) -> tuple[Path, Split]:
    """The data folder and the split that are meant.

    A folder that has the classes alone, as sets are often published, may be any split, and is asked
    for which; one that is itself named as a split of its parent is that one, so that a test split
    is never opened under another name.
    """
    if not is_split_itself(root):
        return root, split or "val"
    named = find_split_name(root.resolve().name)
    if named is not None:
        if split not in (None, named):
            raise ConfigError(
                f"{root} is a {named} split by its name, but --split says {split}",
                hint=f"leave --split away, or say --split {named}",
            )
        return root.resolve().parent, named
    if split is None:
        raise ConfigError(
            f"{root} has no splits, but the classes alone; which split they are is not said",
            hint="say --split test for images that are kept for the final number, else --split val",
        )
    return root, split


def _holds_own(root: Path, run: Run) -> bool:
    """Whether the run's validation images lie there now, by names and sizes."""
    recorded = run.find_split(_FITTED_ON)
    try:
        listed = list_split(root, _FITTED_ON, limit=run.config.data.limit, to_train=False)
    except DataError:
        return False
    return recorded is not None and _digest(listed, recorded) == recorded.digest


def _digest(listed: tuple[ListedImage, ...], recorded: SplitSummary | None) -> str:
    """The digest of a listing, without images that could not be read when it was recorded."""
    skipped = {name for name, _ in recorded.skipped} if recorded else set()
    return digest_listing(image for image in listed if image.name not in skipped)


def _explain(error: DataError, root: Path, split: Split) -> DataError:
    """What to do where images cannot be scored: other splits that are there, or how to name one."""
    others = [name for name in ("val", "test", "train") if name != split and _has(root, name)]
    if "has no folder" in error.message and others:
        options = " or ".join(f"--split {name}" for name in others)
        return DataError(error.message, hint=f"what is there can be scored with {options}")
    hint = error.hint
    if hint == LAYOUT:
        hint = (
            f"name with --data a folder that holds {split}/real and {split}/deepfake, or real/ and"
            " deepfake/ alone"
        )
    return DataError(error.message, hint=hint)


def _has(root: Path, split: str) -> bool:
    try:
        return bool(list_split(root, split, limit=1, to_train=False))  # type: ignore[arg-type]  # as above
    except DataError:
        return False
