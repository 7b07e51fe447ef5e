"""What the demo shows at its end: leaderboard, winner, verdicts, and where to go from there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from rich.console import Group, RenderableType
from rich.text import Text

from dfx.display.evaluation import evaluation_report
from dfx.display.leaderboard import leaderboard_table
from dfx.display.predictions import prediction_lines
from dfx.records import Evaluation
from dfx.records.leaderboard import Leaderboard
from dfx.records.prediction import Prediction


def demo_page(
    *,
    leaderboard: Leaderboard,
    winner: str,
    evaluation: Evaluation,
    origin: str,
    predictions: Sequence[Prediction],
    home: Path,
) -> RenderableType:
    """The whole page.

    Args:
        leaderboard: Of the demo's runs.
        winner: Name of the best run.
        evaluation: Its validation report.
        origin: Which weights the predictions were made with, and why.
        predictions: On images that no training has seen.
        home: The home of the demo's runs.
    """
    where = f"--home {quote(str(home))}"
    commands = "\n".join(
        [
            f"  dfx compare {where}",
            f"  dfx show best {where}",
            f"  dfx evaluate best {where} --robustness",
            f"  dfx predict --run best {where} IMAGE.jpg",
            "",
            "On your own images, in FOLDER/{train,val}/{real,deepfake}:",
            "  dfx run --name b4-baseline --data FOLDER",
            "  dfx run --name quick --data FOLDER --epochs 2 --set data.limit=500",
        ]
    )
    return Group(
        Text(),
        leaderboard_table(leaderboard, home=home),
        Text(),
        evaluation_report(evaluation, title=f"{winner}, the winner, on the validation split"),
        Text(),
        Text(origin, style="bold"),
        *prediction_lines(predictions),
        Text(),
        Text("Next:", style="bold"),
        Text(commands, no_wrap=True, overflow="ignore"),
    )
