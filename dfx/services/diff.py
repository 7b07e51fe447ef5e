"""What differs between two runs: settings, code, environment, data and results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dfx.config import KINDS
from dfx.messages import Notice
from dfx.records import Attempt, Run, RunDetail, Split, SplitSummary
from dfx.records.differences import (
    CodeDifference,
    ImageDifference,
    Result,
    RunDifference,
    Side,
    SplitDifference,
    get_code,
    get_environment,
    get_packages,
    list_changes,
)
from dfx.records.leaderboard import METRICS
from dfx.services.artefacts import find_artefact_home
from dfx.services.home import find_home, open_store
from dfx.services.image_lists import find_manifest
from dfx.services.patches import compare_patches, find_patch
from dfx.services.references import resolve_run

_SPLITS: tuple[Split, ...] = ("train", "val")

_HIGHER_IS_BETTER: dict[str, bool | None] = {
    # Of training values neither side is better: they were taken while the weights changed.
    **{n: m.higher_is_better if n.startswith("val_") else None for n, m in METRICS.items()},
    **dict.fromkeys(("best_epoch", "epochs", "seconds", "images_per_second")),
}
"""The results that are compared, in the order in which they are told."""


def compare_two(
    reference_a: str, reference_b: str, *, home: Path | None, notify: Callable[[Notice], None]
) -> RunDifference:
    """All that differs between two runs.

    Args:
        reference_a: Which run is A; the bare name of an experiment means its latest.
        reference_b: As above, of B.
        home: As given on the command line.
        notify: Told which runs were picked and why, and what may surprise about them.

    Raises:
        NotFoundError: Where there is no such run.
    """
    details: list[RunDetail] = []
    homes: list[Path | None] = []
    with open_store(find_home(home), create=False) as store:
        for side, reference in (("A", reference_a), ("B", reference_b)):
            choice = resolve_run(store, reference, of_experiment="latest")
            if choice.reason:
                notify(Notice(f"{side} is {choice.summary.run}: {choice.reason}"))
            detail = store.get_detail(choice.summary.id)
            details.append(detail)
            homes.append(find_artefact_home(store, detail.run))
    a, b = details
    if a.run.id == b.run.id:
        notify(Notice(f"A and B are the same run, {a.run.name}"))
    last_a, last_b = a.attempts[-1], b.attempts[-1]
    is_same_validation = _is_same_validation(a.run, b.run)
    return RunDifference(
        a=a.run,
        b=b.run,
        attempts=(len(a.attempts), len(b.attempts)),
        epochs=(len(a.epochs), len(b.epochs)),
        settings=list_changes(_settings(a.run, last_a), _settings(b.run, last_b)),
        code=_compare_code((a.run, b.run), (last_a, last_b), homes),
        environment=list_changes(get_environment(last_a), get_environment(last_b)),
        packages=list_changes(
            *(dict(sorted(get_packages(last).items())) for last in (last_a, last_b))
        ),
        weights=list_changes(a.run.weights, b.run.weights),
        data=tuple(
            _compare_split(split, a.run.find_split(split), b.run.find_split(split), homes)
            for split in _SPLITS
        ),
        results=_compare_results(_results(a), _results(b), comparable=bool(is_same_validation)),
        is_same_validation=is_same_validation,
    )


def _settings(run: Run, latest: Attempt) -> dict[str, Any]:
    """The recipe, with machine and plan as they were used last."""
    used = {key: value for key, value in latest.settings.items() if key in KINDS}
    return {**run.config.flat(), **used}


def _compare_code(
    runs: tuple[Run, Run], attempts: tuple[Attempt, Attempt], homes: list[Path | None]
) -> CodeDifference:
    code_a, code_b = map(get_code, attempts)
    changes = list_changes(code_a, code_b)
    digests = code_a.get("patch"), code_b.get("patch")
    if digests[0] == digests[1]:
        return CodeDifference(code_a, code_b, changes, (), None, ())
    found = [
        _find_patch(run, digest, home)
        for run, digest, home in zip(runs, digests, homes, strict=True)
    ]
    notes = tuple(reason for _, reason in found if reason)
    if notes:
        return CodeDifference(code_a, code_b, changes, (), None, notes)
    names = runs[0].name, runs[1].name
    files, text = compare_patches(found[0][0], found[1][0], names)
    return CodeDifference(code_a, code_b, changes, tuple(files), text, ())


def _find_patch(run: Run, digest: str | None, home: Path | None) -> tuple[str, str | None]:
    """The uncommitted changes of a run, or why they cannot be had."""
    if digest is None:
        return "", None
    if home is None:
        return "", f"the uncommitted changes of {run.name} are in {run.home} on {run.host}"
    patch = find_patch(home, digest)
    if patch is None:
        return "", f"the uncommitted changes of {run.name} were not kept in {home / '.patches'}"
    return patch, None


def _compare_split(
    split: Split, a: SplitSummary | None, b: SplitSummary | None, homes: list[Path | None]
) -> SplitDifference:
    changes = list_changes(_describe(a), _describe(b))
    digest = a.digest if a else None
    if a is None or b is None or a.content_digest == b.content_digest:
        return SplitDifference(split, digest, changes, None, None)
    list_a, list_b = (
        None if home is None else find_manifest(home, summary.content_digest)
        for home, summary in zip(homes, (a, b), strict=True)
    )
    if list_a is None or list_b is None:
        missing = [side for side, found in (("A", list_a), ("B", list_b)) if found is None]
        sides = " and ".join(missing)
        note = f"the list of images of {sides} is not here, so they cannot be told one by one"
        return SplitDifference(split, digest, changes, None, note)
    return SplitDifference(split, digest, changes, compare_images(list_a, list_b), None)


def _describe(summary: SplitSummary | None) -> dict[str, Any]:
    if summary is None:
        return {}
    return {
        "digest": summary.digest,
        "content_digest": summary.content_digest,
        "real": summary.real,
        "deepfake": summary.deepfake,
        "skipped": len(summary.skipped),
    }


def compare_images(a: Mapping[str, str], b: Mapping[str, str]) -> ImageDifference:
    """How many images differ, by their names and the digests of their contents.

    >>> compare_images({"x": "1", "y": "2", "z": "3"}, {"x": "1", "y": "4", "w": "3", "v": "5"})
    ImageDifference(only_a=0, only_b=1, changed=1, renamed=1)
    """
    only_a = Counter(digest for name, digest in a.items() if name not in b)
    only_b = Counter(digest for name, digest in b.items() if name not in a)
    renamed = (only_a & only_b).total()
    changed = sum(digest != b[name] for name, digest in a.items() if name in b)
    return ImageDifference(only_a.total() - renamed, only_b.total() - renamed, changed, renamed)


def _is_same_validation(a: Run, b: Run) -> bool | None:
    splits = a.find_split("val"), b.find_split("val")
    if splits[0] is None or splits[1] is None:
        return None
    return splits[0].digest == splits[1].digest


def _results(detail: RunDetail) -> dict[str, float | None]:
    """The values of a run's best epoch; those of its evaluation are the training's own."""
    run = detail.run
    epoch = next((e for e in detail.epochs if e.epoch == run.best_epoch), None)
    evaluation = detail.find_report(run.best_epoch)
    values: dict[str, float | None] = {
        "best_epoch": run.best_epoch,
        "epochs": len(detail.epochs),
        "seconds": run.seconds,
    }
    for name in _HIGHER_IS_BETTER.keys() - values.keys():
        source = name.removeprefix("val_")
        values[name] = getattr(epoch, name, None)
        if values[name] is None and evaluation is not None and name.startswith("val_"):
            values[name] = getattr(evaluation, source)
    return values


def _compare_results(
    a: Mapping[str, float | None], b: Mapping[str, float | None], *, comparable: bool
) -> tuple[Result, ...]:
    results: list[Result] = []
    for name, higher in _HIGHER_IS_BETTER.items():
        difference = None
        better: Side | None = None
        value_a, value_b = a[name], b[name]
        if value_a is not None and value_b is not None:
            difference = value_b - value_a
            if higher is not None and comparable and difference:
                better = "b" if (difference > 0) == higher else "a"
        results.append(Result(name, value_a, value_b, difference, higher, better))
    return tuple(results)
