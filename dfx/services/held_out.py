"""The leaderboard by test images: which runs were scored on which, and how they compare there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dfx.errors import NotFoundError, RecordLost
from dfx.records.boards import (
    HeldOutBoard,
    HeldOutSet,
    ScoredRun,
    SetScores,
    SetStanding,
    TrainedRun,
    Unscored,
)
from dfx.records.leaderboard import AucDifference, PairedTest
from dfx.services.compare import Question
from dfx.services.home import find_home, open_store
from dfx.services.known_runs import KnownRuns
from dfx.services.recipes import find_common, find_differing
from dfx.services.scored_sets import find_meant, keep_newest, rank_standings, read_scores
from dfx.services.significance import NoPair, compare_verdicts, read_pair
from dfx.tracking.store import RunStore


def compare_held_out(home: Path | None, asked: Question) -> HeldOutBoard:
    """The runs of a home, ranked within each test set; no tables where there is no home yet.

    Args:
        home: As given on the command line.
        asked: Its metric is one of `TEST_METRICS`.
    """
    is_filtered = asked.where is not None
    try:
        with open_store(find_home(home), create=False) as store:
            sets, waiting = _build_sets(store, asked)
    except RecordLost:
        raise
    except NotFoundError:
        sets, waiting = (), None
    return HeldOutBoard(asked.metric, asked.columns, sets, waiting, is_filtered)


def _build_sets(store: RunStore, asked: Question) -> tuple[tuple[HeldOutSet, ...], str | None]:
    known = KnownRuns(store)
    meant = find_meant(known, asked)
    name = asked.metric.name.removeprefix("test_")
    sets: dict[str, list[SetStanding]] = {}
    for standing in reversed(keep_newest(store.evaluations.list_standings(name), meant)):
        if standing.split == "test":
            sets.setdefault(standing.set_digest, []).append(standing)
    trained = [run for run in store.evaluations.list_trained() if meant is None or run.id in meant]
    ranked = {digest: rank_standings(each, asked.metric) for digest, each in sets.items()}
    shown = {digest: _choose(each, known, asked) for digest, each in ranked.items()}
    # The newest says what the set is called, even where it is not shown.
    read = {each.id for lines in shown.values() for each in lines}
    read |= {members[0].id for members in sets.values()}
    scores = read_scores(store, read)
    known.read([each.run_id for lines in shown.values() for each in lines])
    built = tuple(
        _build_set(
            store,
            scores[sets[digest][0].id],
            ranked[digest],
            [scores[each.id] for each in shown[digest]],
            trained,
            known,
        )
        for digest in sets
    )
    return built, trained[-1].run if trained else None


def _choose(members: list[SetStanding], known: KnownRuns, asked: Question) -> list[SetStanding]:
    chosen = members
    if asked.order is not None:
        chosen = known.sort(members, asked.order, lambda each: each.run_id)
        chosen.sort(key=lambda each: each.score is None)
    return chosen[: asked.limit]


def _build_set(
    store: RunStore,
    newest: SetScores,
    members: Sequence[SetStanding],
    shown: Sequence[SetScores],
    trained: Sequence[TrainedRun],
    known: KnownRuns,
) -> HeldOutSet:
    ranks = {each.id: rank for rank, each in enumerate(members, 1) if each.score is not None}
    common = find_common([known.settings[each.run_id] for each in shown])
    runs = tuple(
        ScoredRun(
            rank=ranks.get(each.id),
            summary=known.summaries[each.run_id],
            settings=known.settings[each.run_id],
            differs=find_differing(known.settings[each.run_id], common),
            scores=each,
        )
        for each in shown
    )
    verdicts, rankings = _compare_two(store, runs)
    return HeldOutSet(
        dataset=newest.dataset,
        dataset_digest=newest.dataset_digest,
        content_digest=newest.content_digest,
        classes=newest.classes,
        runs=runs,
        omitted=len(members) - len(shown),
        common=common,
        verdicts=verdicts,
        rankings=rankings,
        unscored=_find_unscored(newest, members, runs, trained),
    )


class _Predictor(NamedTuple):
    """Whose predictions of the test images are compared."""

    run: str
    id: int
    predictions: str | None


def _compare_two(
    store: RunStore, runs: Sequence[ScoredRun]
) -> tuple[PairedTest | None, AucDifference | None]:
    """McNemar's and DeLong's test of the first two."""
    first_two = {run.rank: run for run in runs if run.rank in (1, 2)}
    if len(first_two) < 2:
        return None, None
    first, second = (
        _Predictor(run.summary.run, run.summary.id, run.scores.predictions)
        for run in (first_two[1], first_two[2])
    )
    try:
        pair = read_pair(store, first, second)
    except NoPair as missing:
        return (
            PairedTest(first.run, second.run, None, None, None, missing.reason),
            AucDifference(first.run, second.run, None, None, None, None, missing.reason),
        )
    # With it comes numpy, which nothing else here needs.
    from dfx.services.auc_significance import compare_rankings  # noqa: PLC0415

    return compare_verdicts(pair), compare_rankings(pair)


def _find_unscored(
    newest: SetScores,
    members: Sequence[SetStanding],
    runs: Sequence[ScoredRun],
    trained: Sequence[TrainedRun],
) -> tuple[Unscored, ...]:
    scored = {each.run_id for each in members}
    # Whoever validates on what a run does whose own data these are has the same data.
    hosts = {run.summary.id for run in runs if run.scores.is_own}
    own = {_name_validation_set(run) for run in trained if run.id in hosts}
    ours: list[str] = []
    others: list[str] = []
    for run in reversed(trained):
        if run.id not in scored:
            is_own = newest.root is None or _name_validation_set(run) in own
            (ours if is_own else others).append(run.run)
    found = (Unscored(tuple(ours), None), Unscored(tuple(others), newest.root))
    return tuple(each for each in found if each.runs)


def _name_validation_set(run: TrainedRun) -> str | None:
    return run.validation_content_digest or run.validation_digest
