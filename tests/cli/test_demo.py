"""The demo does what the README says of it."""

from __future__ import annotations

from pathlib import Path

from .conftest import Command


def test_demo_does_the_main_job_and_can_be_run_again(dfx: Command) -> None:
    """The winner is clearly better than chance, and a second demo uses what it finds."""
    first = dfx("demo")
    (winner, *others) = dfx("compare", "--home", "dfx-demo/runs", "--format", "json").json()["runs"]
    b4 = dfx("show", "demo-b4", "--home", "dfx-demo/runs", "--format", "json").json()
    second = dfx("demo")

    assert first.code == 0, first.stderr
    assert winner["val_accuracy"] >= 0.75
    assert winner["val_accuracy_low"] > 0.5
    assert len(others) == 1
    assert b4["config"]["model"]["name"] == "efficientnet_b4"
    assert b4["weights"] == {"source": "random"}
    assert "Confusion matrix" in first.stdout
    assert "dfx-demo/dataset/test/real/" in first.stdout
    assert "dfx run --name b4-baseline --data FOLDER" in first.stdout
    assert second.code == 0
    assert "found as they were" in second.stderr
    assert "is used as it is" in second.stderr
    assert first.stdout == second.stdout
    assert {"dfx-demo"} == {path.name for path in Path().iterdir()}
