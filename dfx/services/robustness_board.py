"""Runs by what was done to the images: compression, blur, noise and more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dfx.errors import NotFoundError, RecordLost
from dfx.records import Split
from dfx.records.boards import SetScores, SetStanding
from dfx.records.leaderboard import Metric
from dfx.records.robustness import ConditionResult
from dfx.records.robustness_board import RobustBoard, RobustRun, RobustSet, Suite
from dfx.services.compare import Question
from dfx.services.home import find_home, open_store
from dfx.services.known_runs import KnownRuns
from dfx.services.scored_sets import find_meant, read_scores
from dfx.tracking.store import RunStore

CLEAN = "clean"
"""Family of the images as they are."""

_Place = tuple[Split, str, int]
"""Split and digest of a set, and version of the suite."""


@dataclass(frozen=True, slots=True)
class _Line:
    """An evaluation under the conditions of a suite.

    Attributes:
        key: What ranks it: whether it has no value, its worst and its clean value with the sign
            that makes less better, and the run.
    """

    standing: SetStanding
    suite: Suite
    key: tuple[bool, float, float, int]


def compare_robustness(home: Path | None, asked: Question) -> RobustBoard:
    """The runs of a home, ranked by the worst condition; no tables where there is no home yet.

    Only runs that were scored on the same images under the same version of the suite are ranked
    together.

    Args:
        home: As given on the command line.
        asked: Its metric is one of `ROBUSTNESS_METRICS`.
    """
    try:
        with open_store(find_home(home), create=False) as store:
            return _build(store, asked)
    except RecordLost:
        raise
    except NotFoundError:
        return RobustBoard(asked.metric, (), (), is_filtered=asked.where is not None)


def _build(store: RunStore, asked: Question) -> RobustBoard:
    known = KnownRuns(store)
    meant = find_meant(known, asked)
    suites = store.evaluations.read_suites()
    newest: dict[tuple[int, _Place], _Line] = {}
    for each in store.evaluations.list_standings(asked.metric.name):
        suite = suites.get(each.id)
        if suite is not None and (meant is None or each.run_id in meant):
            place: _Place = (each.split, each.set_digest, suite.version)
            newest[each.run_id, place] = _Line(each, suite, _key(each, suite, asked.metric))
    sets: dict[_Place, list[_Line]] = {}
    for (_, place), line in sorted(
        newest.items(), key=lambda item: item[1].standing.id, reverse=True
    ):
        sets.setdefault(place, []).append(line)
    ranked = {place: sorted(lines, key=lambda line: line.key) for place, lines in sets.items()}
    shown = {place: _choose(lines, known, asked) for place, lines in ranked.items()}
    # The newest says what the set is called, even where it is not shown.
    read = {line.standing.id for lines in shown.values() for line in lines}
    scores = read_scores(store, read | {lines[0].standing.id for lines in sets.values()})
    known.read([line.standing.run_id for lines in shown.values() for line in lines])
    tested = {run_id for run_id, _ in newest}
    return RobustBoard(
        metric=asked.metric,
        sets=tuple(
            _build_set(
                scores[lines[0].standing.id], ranked[place], shown[place], scores, known, asked
            )
            for place, lines in sets.items()
        ),
        others=tuple(
            run.run
            for run in reversed(store.evaluations.list_trained())
            if run.id not in tested and (meant is None or run.id in meant)
        ),
        is_filtered=asked.where is not None,
    )


def _choose(lines: list[_Line], known: KnownRuns, asked: Question) -> list[_Line]:
    chosen = lines
    if asked.order is not None:
        chosen = known.sort(lines, asked.order, lambda line: line.standing.run_id)
    return chosen[: asked.limit]


def _build_set(
    newest: SetScores,
    ranked: list[_Line],
    shown: list[_Line],
    scores: dict[int, SetScores],
    known: KnownRuns,
    asked: Question,
) -> RobustSet:
    ranks = {line.standing.id: rank for rank, line in enumerate(ranked, 1) if not line.key[0]}
    families = dict.fromkeys(
        result.family for line in ranked for result in line.suite.results if result.family != CLEAN
    )
    return RobustSet(
        split=newest.split,
        dataset=newest.dataset,
        dataset_digest=newest.dataset_digest,
        content_digest=newest.content_digest,
        classes=newest.classes,
        version=ranked[0].suite.version,
        families=tuple(families),
        runs=tuple(
            _build_run(
                line, ranks.get(line.standing.id), tuple(families), scores, known, asked.metric
            )
            for line in shown
        ),
        omitted=len(ranked) - len(shown),
    )


def _build_run(
    line: _Line,
    rank: int | None,
    families: tuple[str, ...],
    scores: dict[int, SetScores],
    known: KnownRuns,
    metric: Metric,
) -> RobustRun:
    results = line.suite.results
    return RobustRun(
        rank=rank,
        summary=known.summaries[line.standing.run_id],
        scores=scores[line.standing.id],
        threshold=line.suite.threshold,
        temperature=line.suite.temperature,
        results=results,
        clean=_find_clean(results),
        lowest={
            family: _find_lowest((r for r in results if r.family == family), metric)
            for family in families
        },
        worst=_find_lowest((r for r in results if r.family != CLEAN), metric),
    )


def _key(standing: SetStanding, suite: Suite, metric: Metric) -> tuple[bool, float, float, int]:
    """Ties go to the run that is better on the images as they are, then to the earlier run."""
    worst = _find_lowest((r for r in suite.results if r.family != CLEAN), metric)
    clean = _find_clean(suite.results)
    lowest, whole = (_value(result, metric) for result in (worst, clean))
    return lowest is None, -(lowest or 0.0), -(whole or 0.0), standing.run_id


def _find_lowest(results: Iterable[ConditionResult], metric: Metric) -> ConditionResult | None:
    defined = [result for result in results if _value(result, metric) is not None]
    return min(defined, key=lambda result: _value(result, metric) or 0.0, default=None)


def _find_clean(results: Iterable[ConditionResult]) -> ConditionResult | None:
    return next((result for result in results if result.family == CLEAN), None)


def _value(result: ConditionResult | None, metric: Metric) -> float | None:
    value: float | None = None if result is None else getattr(result, metric.name)
    return value
