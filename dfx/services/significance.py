"""Whether the difference between two runs is more than chance: their predictions side by side."""

from __future__ import annotations

import csv
from pathlib import Path

from dfx.errors import NotFoundError
from dfx.evaluation.paired import mcnemar_p
from dfx.records import RunSummary
from dfx.records.leaderboard import PairedTest
from dfx.services.artefacts import get_artefact_home
from dfx.tracking.store import RunStore


def compare_predictions(store: RunStore, first: RunSummary, second: RunSummary) -> PairedTest:
    """McNemar's test of two runs' best checkpoints, from their stored validation predictions.

    Args:
        store: Knows where their files are.
        first: The better one.
        second: The other, on the same validation set.

    Returns:
        The test; without figures but with a reason where predictions are not to be had.
    """
    verdicts: list[dict[str, bool]] = []
    for run in (first, second):
        try:
            verdicts.append(_read_verdicts(_find_predictions(store, run)))
        except NotFoundError as error:
            return PairedTest(first.run, second.run, None, None, None, error.message)
        except OSError as error:
            reason = f"the predictions of {run.run} cannot be read: {error.strerror}"
            return PairedTest(first.run, second.run, None, None, None, reason)
        except (LookupError, ValueError, csv.Error):
            reason = f"the predictions of {run.run} are damaged"
            return PairedTest(first.run, second.run, None, None, None, reason)
    ours, theirs = verdicts
    if ours.keys() != theirs.keys():
        reason = f"the predictions of {first.run} and {second.run} name different images"
        return PairedTest(first.run, second.run, None, None, None, reason)
    only_first = sum(right and not theirs[path] for path, right in ours.items())
    only_second = sum(right and not ours[path] for path, right in theirs.items())
    return PairedTest(
        first.run, second.run, only_first, only_second, mcnemar_p(only_first, only_second)
    )


def _find_predictions(store: RunStore, run: RunSummary) -> Path:
    if run.predictions is None:
        raise NotFoundError(f"{run.run} has no stored predictions")
    return get_artefact_home(store, store.get_run(run.id)) / run.predictions


def _read_verdicts(path: Path) -> dict[str, bool]:
    """By image, whether it was classified rightly at threshold 0.5."""
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        image, truth, label = (header.index(name) for name in ("path", "truth", "label"))
        return {row[image]: row[truth] == row[label] for row in rows}
