"""A nursery for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

for name in ("children", "comparing", "campaign"):
    pytest.register_assert_rewrite(f"{__package__}.{name}")

from .children import Nursery  # noqa: E402  # its assertions are to explain themselves too


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where processes come from."""
    made = Nursery()
    yield made
    made.close()
