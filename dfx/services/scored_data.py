"""Which images an evaluation scores, and which of them the run has seen before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfx.data.index import ListedImage, SplitIndex, check_images, digest_listing, list_split
from dfx.errors import DataError
from dfx.messages import Counting, Notice
from dfx.records import Run, Split, SplitSummary
from dfx.records.evaluation import Overlap
from dfx.services.home import as_absolute
from dfx.services.image_lists import find_manifest

_FITTED_ON: Split = "val"


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
    split: Split,
    limit: int | None,
    notify: Callable[[Notice], None],
) -> ChosenData:
    """Finds and lists the images that shall be scored.

    Args:
        run: Whose weights are to be scored.
        settings: Its configuration, with machine and plan as used last.
        data: A data folder; the run's own where None.
        split: Which split of it.
        limit: The most images of each class; where None, as many as the run took for training and
            validation, and all of any other split.
        notify: Told where the run's own validation images have changed.

    Raises:
        DataError: Where the folders are not as they should be.
    """
    own_root = as_absolute(Path(str(settings["data.root"])))
    root = own_root if data is None else as_absolute(data)
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
                hint=f"say where it is now: dfx evaluate {run.name} --data DIR",
            ) from None
        raise _explain_missing_split(error, root, split) from None
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
        is_in_sample: Whether all of them are validation images of the run, on which its threshold
            and temperature were fitted.
        seen: [n], which images a reading without overlap leaves out.
        overlap: The counts.
    """

    is_in_sample: bool
    seen: NDArray[np.bool_]
    overlap: Overlap


def find_overlap(run: Run, home: Path, index: SplitIndex) -> Acquaintance:
    """Compares the contents of a scored set with those that the run was trained and validated on.

    Args:
        run: With the digests of its splits.
        home: Where its lists of images are kept.
        index: The scored set.
    """
    known: dict[Split, NDArray[np.bool_] | None] = {}
    missing: list[str] = []
    for split, what in (("train", "training"), ("val", "validation")):
        seen = _find_seen(run, home, index, split)  # type: ignore[arg-type]  # they are splits
        known[split] = seen  # type: ignore[index]  # as above
        if seen is None:
            missing.append(what)
    train, val = known["train"], known["val"]
    recorded = run.find_split(_FITTED_ON)
    is_in_sample = bool(val is not None and val.all()) or (
        recorded is not None and recorded.content_digest == index.summarise().content_digest
    )
    nothing = np.zeros(len(index.images), np.bool_)
    seen = nothing if train is None else train
    if not is_in_sample and val is not None:
        seen = seen | val
    unknown = None
    if missing:
        lists = " and ".join(missing)
        unknown = f"the list of {run.name}'s {lists} images is not there"
    return Acquaintance(
        is_in_sample,
        seen,
        Overlap(
            train=None if train is None else int(train.sum()),
            val=None if val is None else int(val.sum()),
            either=int(seen.sum()),
            unknown=unknown,
        ),
    )


def _find_seen(run: Run, home: Path, index: SplitIndex, split: Split) -> NDArray[np.bool_] | None:
    recorded = run.find_split(split)
    manifest = None if recorded is None else find_manifest(home, recorded.content_digest)
    if manifest is None:
        return None
    contents = set(manifest.values())
    return np.array([sha256 in contents for sha256 in index.sha256], np.bool_)


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


def _explain_missing_split(error: DataError, root: Path, split: Split) -> DataError:
    """Names the splits that are there, where only the one that was asked for is not."""
    others = [name for name in ("val", "test", "train") if name != split and _has(root, name)]
    if "has no folder" not in error.message or not others:
        return error
    options = " or ".join(f"--split {name}" for name in others)
    return DataError(error.message, hint=f"what is there can be scored with {options}")


def _has(root: Path, split: str) -> bool:
    try:
        return bool(list_split(root, split, limit=1, to_train=False))  # type: ignore[arg-type]  # as above
    except DataError:
        return False
