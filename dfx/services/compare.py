"""The leaderboard: which runs, in which order, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from dfx.config import KINDS
from dfx.errors import ConfigError, NotFoundError, RecordLost
from dfx.records import RunSummary, Standing, Status
from dfx.records.leaderboard import (
    ACCURACY,
    METRICS,
    AucDifference,
    Leaderboard,
    LeaderboardGroup,
    Metric,
    PairedTest,
    RankedRun,
)
from dfx.services.columns import Order, parse_columns, parse_metric, parse_order
from dfx.services.home import find_home, open_store
from dfx.services.known_runs import KnownRuns
from dfx.services.ranking import rank_by_validation_set
from dfx.services.recipes import find_common, find_differing, group_by_recipe
from dfx.services.significance import compare_predictions
from dfx.services.where import Condition, parse_condition
from dfx.tracking.store import RunStore


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the leaderboard.

    Attributes:
        metric: What runs are ranked by.
        where: Which runs; all where None.
        order: What they are sorted by where that is not the rank.
        limit: The most runs, or recipes, of each validation set; all where None.
        columns: Names of the columns to show; None for the usual ones.
        by_recipe: Whether runs of one recipe apart from the seed are one line.
    """

    metric: Metric = ACCURACY
    where: Condition | None = None
    order: Order | None = None
    limit: int | None = None
    columns: tuple[str, ...] | None = None
    by_recipe: bool = False


def ask(
    *,
    metric: str = ACCURACY.name,
    where: str | None = None,
    columns: str | None = None,
    all_settings: bool = False,
    sort: str | None = None,
    limit: int | None = None,
    by_recipe: bool = False,
) -> Question:
    """A question in the words of the command line.

    Raises:
        ConfigError: For a name or a condition that cannot be understood, or options that contradict
            each other.
    """
    if by_recipe:
        for option, given in (("--columns", columns), ("--all", all_settings), ("--sort", sort)):
            if given:
                raise ConfigError(
                    f"--group and {option} cannot go together: a line is several runs then,"
                    " ranked by their mean",
                    hint=f"leave {option} away; --format json has all values of --group",
                )
    chosen = parse_columns(columns)
    if all_settings:
        chosen = tuple(dict.fromkeys((*(chosen or (ACCURACY.name,)), *KINDS)))
    return Question(
        metric=METRICS[parse_metric(metric)],
        where=None if where is None else parse_condition(where),
        order=parse_order(sort),
        limit=limit,
        columns=chosen,
        by_recipe=by_recipe,
    )


def compare_runs(home: Path | None, question: Question | None = None) -> Leaderboard:
    """The runs of a home, ranked within each validation set; no tables where there is no home yet.

    Args:
        home: As given on the command line.
        question: All runs by validation accuracy where None.
    """
    asked = question or Question()
    try:
        with open_store(find_home(home), create=False) as store:
            groups = tuple(_build_groups(store, asked))
    except RecordLost:
        raise
    except NotFoundError:
        groups = ()
    return Leaderboard(asked.metric, asked.columns, groups, is_filtered=asked.where is not None)


def _build_groups(store: RunStore, asked: Question) -> list[LeaderboardGroup]:
    known = KnownRuns(store)
    if asked.where or asked.order or asked.by_recipe:
        # These look at everything of every run; ranking alone needs three numbers of each.
        known.read(None)
    standings = store.list_standings(asked.metric.name)
    if asked.where is not None:
        meant = known.select(asked.where)
        standings = [standing for standing in standings if standing.id in meant]
    sets = rank_by_validation_set(standings, asked.metric)
    shown = {digest: _choose(members, known, asked) for digest, members in sets.items()}
    known.read([standing.id for members in shown.values() for standing in members])
    return [
        _build_group(store, digest, members, shown[digest], known, asked)
        for digest, members in sets.items()
    ]


def _choose(members: list[Standing], known: KnownRuns, asked: Question) -> list[Standing]:
    """Those to show, as they shall be shown; ranked ones stay before the others."""
    chosen = list(members)
    if asked.order is not None:
        chosen = known.sort(chosen, asked.order, attrgetter("id"))
        chosen.sort(key=lambda standing: standing.score is None)
    return chosen if asked.by_recipe else chosen[: asked.limit]


def _build_group(
    store: RunStore,
    digest: str | None,
    standings: Sequence[Standing],
    shown: Sequence[Standing],
    known: KnownRuns,
    asked: Question,
) -> LeaderboardGroup:
    wanted = {standing.id for standing in shown if standing.score is not None}
    ranks = {
        standing.id: rank for rank, standing in enumerate(standings, 1) if standing.id in wanted
    }
    common = find_common([known.settings[standing.id] for standing in shown])
    runs = [
        RankedRun(
            rank=ranks.get(standing.id),
            summary=known.summaries[standing.id],
            settings=known.settings[standing.id],
            differs=find_differing(known.settings[standing.id], common),
        )
        for standing in shown
    ]
    ranked = tuple(run for run in runs if run.rank is not None)
    recipes = None
    if asked.by_recipe:
        # What an unfinished run has reached says nothing yet of its recipe.
        members = [
            (run.summary, run.settings) for run in ranked if run.summary.status is Status.COMPLETED
        ]
        common, recipes = group_by_recipe(members, asked.metric)
    first_two = sorted((run for run in ranked if run.rank in (1, 2)), key=lambda r: r.rank or 0)
    return LeaderboardGroup(
        validation_digest=digest,
        validation_images=next((run.summary.validation_images for run in runs), None),
        classes=store.count_classes(digest) if digest else None,
        ranked=ranked,
        unranked=tuple(run for run in runs if run.rank is None),
        omitted=len(standings) - len(shown),
        common=common,
        recipes=None if recipes is None else tuple(recipes[: asked.limit]),
        test=(
            _compare_two(store, first_two[0].summary, first_two[1].summary, asked.metric)
            if len(first_two) == 2 and not asked.by_recipe
            else None
        ),
    )


def _compare_two(
    store: RunStore, first: RunSummary, second: RunSummary, metric: Metric
) -> PairedTest | AucDifference:
    if metric.name != "val_auc":
        return compare_predictions(store, first, second)
    # With it comes numpy, which takes longer to load than the whole of the usual leaderboard.
    from dfx.services.auc_significance import compare_auc_predictions  # noqa: PLC0415

    return compare_auc_predictions(store, first, second)
