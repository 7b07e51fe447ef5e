"""Numbers as a person reads them: durations, sizes, shares and digests.

Nothing here knows a console. Machine-readable output never passes through this module.
"""

from __future__ import annotations

from datetime import UTC, datetime

ABSENT = "–"
"""Stands where there is no value yet, or none that is defined."""


def format_duration(seconds: float) -> str:
    """A time span in at most two units.

    >>> format_duration(12.34), format_duration(245), format_duration(11520)
    ('12.3s', '4m 05s', '3h 12m')
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}h {minutes % 60:02d}m"


def format_size(size_bytes: int) -> str:
    """A file size in powers of a thousand.

    >>> format_size(999), format_size(12_345), format_size(210_400_000)
    ('999 B', '12 kB', '210 MB')
    >>> format_size(1_240_000), format_size(999_999)
    ('1.2 MB', '1.0 MB')
    """
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if round(value) < 1000:
            return f"{value:.1f} {unit}" if round(value, 1) < 10 else f"{value:.0f} {unit}"
    return f"{value / 1000:.1f} TB"


def format_percent(share: float) -> str:
    """A share in percent that never claims certainty by rounding.

    >>> format_percent(0.9731), format_percent(0.99999), format_percent(1.0)
    ('97.3 %', '>99.9 %', '100.0 %')
    >>> format_percent(0.0001)
    '<0.1 %'
    """
    if 0.9995 <= share < 1:
        return ">99.9 %"
    if 0 < share < 0.0005:
        return "<0.1 %"
    return f"{share * 100:.1f} %"


def format_score(value: float | None) -> str:
    """A loss or a score with four decimals.

    >>> format_score(0.98731), format_score(None)
    ('0.9873', '–')
    """
    return ABSENT if value is None else f"{value:.4f}"


def format_metric(value: float) -> str:
    """A metric with four decimals, which never becomes 0 or 1 by rounding.

    >>> format_metric(0.98731), format_metric(0.99999), format_metric(1.0), format_metric(2e-7)
    ('0.9873', '>0.9999', '1.0000', '2.0e-07')
    """
    if 0.99995 <= value < 1:
        return ">0.9999"
    return f"{value:.1e}" if 0 < value < 0.0001 else f"{value:.4f}"


def format_p(p: float) -> str:
    """A probability under the null hypothesis, with two significant digits.

    >>> format_p(0.3142), format_p(0.00123), format_p(3e-9)
    ('p = 0.31', 'p = 0.0012', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def format_lr(value: float) -> str:
    """A learning rate with three significant digits.

    >>> format_lr(1e-4), format_lr(9.7553e-05)
    ('0.0001', '9.76e-05')
    """
    return f"{value:.3g}"


def format_count(count: int) -> str:
    """A count with its thousands apart.

    >>> format_count(20000)
    '20 000'
    """
    return f"{count:,}".replace(",", " ")


def format_digest(digest: str, length: int = 4) -> str:
    """The beginning of a digest.

    >>> format_digest("sha256:9f2c3d41")
    'sha256:9f2c…'
    """
    algorithm, _, value = digest.rpartition(":")
    if len(value) <= length:
        return digest
    return (f"{algorithm}:" if algorithm else "") + value[:length] + "…"


def format_time(moment: datetime) -> str:
    """A moment in UTC, to the second.

    >>> format_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02 03:04:05 UTC'
    """
    return f"{as_utc(moment):%Y-%m-%d %H:%M:%S} UTC"


def as_utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken for UTC, as the store keeps it."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
