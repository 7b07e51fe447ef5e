"""Runs by data sets: how well each run does on each set that any was scored on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dfx.errors import NotFoundError, RecordLost
from dfx.records import RunSummary, Split
from dfx.records.boards import SET_METRICS, SetScores, SetStanding, TrainedRun
from dfx.records.leaderboard import ACCURACY, Metric
from dfx.records.matrix import Elsewhere, Matrix, MatrixCell, MatrixColumn, MatrixRow
from dfx.services.compare import Question
from dfx.services.home import find_home, open_store
from dfx.services.known_runs import KnownRuns
from dfx.services.ranking import rank_by_validation_set
from dfx.services.scored_sets import find_meant, keep_newest, read_scores
from dfx.tracking.store import RunStore

_Place = tuple[Split, str]
"""Split and digest of a set."""


def build_matrix(home: Path | None, asked: Question) -> Matrix:
    """The runs of a home by the sets that they were scored on; empty where there is no home yet.

    Args:
        home: As given on the command line.
        asked: Its metric is one of `SET_METRICS`.
    """
    try:
        with open_store(find_home(home), create=False) as store:
            return _build(store, asked)
    except RecordLost:
        raise
    except NotFoundError:
        return Matrix(asked.metric, (), (), 0, (), is_filtered=asked.where is not None)


def _build(store: RunStore, asked: Question) -> Matrix:
    known = KnownRuns(store)
    meant = find_meant(known, asked)
    trained = {run.id: run for run in store.evaluations.list_trained()}
    newest = keep_newest(store.evaluations.list_standings(asked.metric.name), meant)
    by_run: dict[int, dict[_Place, SetStanding]] = {}
    for each in newest:
        by_run.setdefault(each.run_id, {})[each.split, each.set_digest] = each
    lines = _order(store, known, asked, by_run)
    shown = lines[: asked.limit]
    known.read(shown)
    scores = read_scores(store, [each.id for run in shown for each in by_run[run].values()])
    found = {run: {place: scores[each.id] for place, each in by_run[run].items()} for run in shown}
    columns = _list_columns(found, trained)
    return Matrix(
        metric=asked.metric,
        columns=tuple(columns.values()),
        rows=tuple(
            _build_row(
                known.summaries[run], trained[run], found[run], columns.values(), asked.metric
            )
            for run in shown
        ),
        omitted=len(lines) - len(shown),
        others=tuple(
            run.run
            for run in reversed(trained.values())
            if run.id not in by_run and (meant is None or run.id in meant)
        ),
        is_filtered=asked.where is not None,
    )


def _order(
    store: RunStore, known: KnownRuns, asked: Question, by_run: Mapping[int, object]
) -> list[int]:
    """Ids of the runs that were scored: as on the leaderboard, unless sorted otherwise."""
    if asked.order is not None:
        return known.sort(sorted(by_run), asked.order, lambda run: run)
    ranked = rank_by_validation_set(store.list_standings(ACCURACY.name), ACCURACY)
    return [each.id for members in ranked.values() for each in members if each.id in by_run]


def _list_columns(
    found: Mapping[int, Mapping[_Place, SetScores]], trained: Mapping[int, TrainedRun]
) -> dict[_Place, MatrixColumn]:
    """The sets, those that are the own data of a run before the others, each as first scored.

    What a run was validated on has a column only where another run was scored on it: how well a run
    does on its own is told beside.
    """
    evaluations = sorted(
        (each for sets in found.values() for each in sets.values()), key=lambda each: each.id
    )
    foreign = [each for each in evaluations if not _is_own_validation(each, trained[each.run_id])]
    named = {(each.split, each.set_digest): each for each in evaluations}
    places = dict.fromkeys((each.split, each.set_digest) for each in foreign)
    own = {(each.split, each.set_digest) for each in evaluations if each.is_own}
    return {
        place: MatrixColumn(
            split=named[place].split,
            dataset=named[place].dataset,
            dataset_digest=named[place].dataset_digest,
            content_digest=named[place].content_digest,
            classes=named[place].classes,
        )
        for place in sorted(places, key=lambda place: place not in own)
    }


def _build_row(
    run: RunSummary,
    trained: TrainedRun,
    found: Mapping[_Place, SetScores],
    columns: Collection[MatrixColumn],
    metric: Metric,
) -> MatrixRow:
    content = trained.validation_content_digest
    # Where the images have changed since, or may have, training's report is all there is of them.
    again = None if content is None else found.get(("val", content))
    own = _report(run, metric)
    if again is not None:
        own = _cell(again, metric, is_own_validation=True)
    cells = tuple(
        own if _is_own_validation(column, trained) else _find_cell(found, column, metric)
        for column in columns
    )
    return MatrixRow(run, content, own, cells, _find_worst(own, cells, list(columns), metric))


def _find_cell(
    found: Mapping[_Place, SetScores], column: MatrixColumn, metric: Metric
) -> MatrixCell | None:
    scores = found.get((column.split, column.set_digest))
    return None if scores is None else _cell(scores, metric, is_own_validation=False)


def _cell(scores: SetScores, metric: Metric, *, is_own_validation: bool) -> MatrixCell:
    low, high = scores.intervals.get(metric.name, (None, None))
    return MatrixCell(
        value=scores.values[metric.name],
        low=low,
        high=high,
        is_own=is_own_validation or bool(scores.is_own),
        is_optimistic=is_own_validation or scores.is_in_sample,
        seen=scores.seen,
        scores=scores,
    )


def _report(run: RunSummary, metric: Metric) -> MatrixCell:
    """What training said of the best epoch, which is less than an evaluation says."""
    value: float | None = getattr(run, f"val_{metric.name}", None)
    is_accuracy = metric is SET_METRICS["accuracy"]
    return MatrixCell(
        value=value,
        low=run.val_accuracy_low if is_accuracy else None,
        high=run.val_accuracy_high if is_accuracy else None,
        is_own=True,
        is_optimistic=True,
        seen=run.validation_images,
        scores=None,
    )


def _find_worst(
    own: MatrixCell,
    cells: Sequence[MatrixCell | None],
    columns: Sequence[MatrixColumn],
    metric: Metric,
) -> Elsewhere | None:
    elsewhere = [
        (cell.value, place)
        for place, cell in enumerate(cells)
        if cell is not None
        and cell.value is not None
        and not (cell.is_own or cell.is_optimistic or cell.seen)
    ]
    if not elsewhere:
        return None
    value, place = (min if metric.higher_is_better else max)(elsewhere)
    tested = [
        cell
        for cell, column in zip(cells, columns, strict=True)
        if cell is not None and cell.is_own and column.split == "test" and cell.value is not None
    ]
    # A limit makes sets of their own; that of the most images says the most.
    at_home = max(tested, key=_count_images, default=own).value
    return Elsewhere(place, value, None if at_home is None else value - at_home)


def _count_images(cell: MatrixCell) -> int:
    return 0 if cell.scores is None else sum(cell.scores.classes)


def _is_own_validation(scored: SetScores | MatrixColumn, run: TrainedRun) -> bool:
    """Whether a set is what the best epoch of a run was chosen on, as far as is known."""
    if scored.split != "val":
        return False
    if scored.content_digest is None or run.validation_content_digest is None:
        return scored.dataset_digest == run.validation_digest
    return scored.content_digest == run.validation_content_digest
