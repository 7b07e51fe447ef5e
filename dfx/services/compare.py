"""The leaderboard."""

from __future__ import annotations

from pathlib import Path

from dfx.errors import NotFoundError
from dfx.records import LeaderboardGroup
from dfx.services.home import find_home, open_store
from dfx.services.ranking import group_by_validation_set


def compare_runs(home: Path | None) -> list[LeaderboardGroup]:
    """The runs of a home, ranked within each validation set; none where there is no home yet."""
    try:
        with open_store(find_home(home), create=False) as store:
            return group_by_validation_set(store.list_summaries())
    except NotFoundError:
        return []
