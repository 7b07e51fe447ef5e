from __future__ import annotations

import json
from collections.abc import Callable

from rich.console import RenderableType

from dfx.config import ExperimentConfig
from dfx.display.formats import to_csv, to_json
from dfx.display.settings import (
    SETTINGS_COLUMNS,
    settings_document,
    settings_rows,
    settings_table,
)
from dfx.records.settings import ResolvedKey

KEYS = [
    ResolvedKey("data.root", "my [faces]", "--data"),
    ResolvedKey("data.limit", None, "default"),
    ResolvedKey("optim.lr", 1e-4, "experiments/b4.toml"),
]


def test_table_groups_keys_by_section(render: Callable[[RenderableType, int], str]) -> None:
    assert render(settings_table(KEYS), 80) == (
        "key         value       source\n"
        "data.root   my [faces]  --data\n"
        "data.limit  none        default\n"
        "\n"
        "optim.lr    0.0001      experiments/b4.toml\n"
    )


def test_whole_configuration_fits_eighty_columns(
    render: Callable[[RenderableType, int], str],
) -> None:
    keys = [ResolvedKey(key, value, "default") for key, value in ExperimentConfig().flat().items()]
    lines = render(settings_table(keys), 80).splitlines()

    assert 1 + len(keys) + 5 == len(lines)
    assert max(map(len, lines)) <= 80


def test_document_and_rows_hold_typed_values() -> None:
    document = json.loads(to_json(settings_document(KEYS)))

    assert document["settings"][1] == {"key": "data.limit", "value": None, "source": "default"}
    assert document["settings"][2]["value"] == 1e-4
    assert "data.limit,,default" in to_csv(settings_rows(KEYS), SETTINGS_COLUMNS).splitlines()
