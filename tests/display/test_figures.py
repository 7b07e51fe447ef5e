from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta, timezone
from types import ModuleType

import pytest

from dfx.display import console, figures, settings


@pytest.mark.parametrize("module", [figures, console, settings])
def test_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0s"),
        (59.94, "59.9s"),
        (59.96, "1m 00s"),
        (3599.4, "59m 59s"),
        (3599.6, "1h 00m"),
        (11549, "3h 12m"),
        (90000, "25h 00m"),
    ],
)
def test_durations_carry_over_where_they_round_up(seconds: float, expected: str) -> None:
    assert expected == figures.format_duration(seconds)


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (0, "0 B"),
        (1000, "1.0 kB"),
        (9_960, "10 kB"),
        (999_600_000, "1.0 GB"),
        (3_000_000_000_000, "3.0 TB"),
    ],
)
def test_sizes_carry_over_where_they_round_up(size_bytes: int, expected: str) -> None:
    assert expected == figures.format_size(size_bytes)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "0.0 %"), (0.9994, "99.9 %"), (0.9996, ">99.9 %"), (0.0004, "<0.1 %"), (0.5, "50.0 %")],
)
def test_a_share_is_certain_only_where_it_is(share: float, expected: str) -> None:
    assert expected == figures.format_percent(share)


def test_a_short_digest_is_shown_whole() -> None:
    assert figures.format_digest("sha256:ab") == "sha256:ab"


def test_a_moment_without_a_zone_is_utc() -> None:
    moment = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)

    assert moment == figures.as_utc(moment.replace(tzinfo=None))
    assert moment == figures.as_utc(moment.astimezone(timezone(timedelta(hours=5))))
