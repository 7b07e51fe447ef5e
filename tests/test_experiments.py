"""The shipped experiments differ from the reference recipe in what their names say."""

from __future__ import annotations

from typing import Any

import pytest

from dfx.config import ExperimentConfig
from dfx.services.configure import find_file, read_file


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("b4-baseline", {}),
        ("b4-frozen-warmup", {"train.freeze_epochs": 2, "optim.warmup_epochs": 0.5}),
        (
            "b4-robust",
            {
                "augment.jpeg": 0.5,
                "augment.blur": 0.2,
                "augment.resize": 0.2,
                "augment.noise": 0.2,
            },
        ),
    ],
)
def test_changes_this_and_no_more(name: str, changes: dict[str, Any]) -> None:
    """The four degradations are off unless asked for."""
    path = find_file(name)
    assert path is not None
    default = ExperimentConfig().flat()

    assert changes == {k: value for k, value in read_file(path).items() if value != default[k]}
    assert all(default[f"augment.{name}"] == 0 for name in ("jpeg", "blur", "resize", "noise"))
