"""Fills MLflow or Optuna with the same curves, and asks for the best epoch; run with their Python.

Both are filled in bulk through their own SQLAlchemy tables, since their calls for recording take
hours for 150,000 values. They are asked through their public API:

- `last`: what their documentation recommends for the best run, which looks at last values;
- `best`: the best value of any epoch, for which the histories of all runs must be read.

    python benchmarks/peers.py mlflow fill mlflow.db curves.json
    python benchmarks/peers.py mlflow ask-best mlflow.db
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

METRIC = "val_accuracy"
NAME = "filled"


def main() -> None:
    """Does what the arguments say; an answer is printed as the best value."""
    peer, action, database, *curves = sys.argv[1:]
    url = f"sqlite:///{Path(database).absolute()}"
    if action == "fill":
        _FILLERS[peer](url, json.loads(Path(curves[0]).read_text()))
    elif action == "version":
        print(version({"mlflow": "mlflow-skinny"}.get(peer, peer)))
    else:
        print(_QUESTIONS[peer, action](url))


def _fill_mlflow(url: str, curves: list[list[float]]) -> None:
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlRun
    from mlflow.tracking import MlflowClient
    from sqlalchemy import create_engine, insert

    experiment = int(MlflowClient(url).create_experiment(NAME))
    common = {"key": METRIC, "is_nan": False}
    with create_engine(url).begin() as connection:
        connection.execute(
            insert(SqlRun),
            [
                {
                    "run_uuid": f"{number:032x}",
                    "name": f"run-{number}",
                    "user_id": "someone",
                    "status": "FINISHED",
                    "start_time": number,
                    "end_time": number + 1,
                    "lifecycle_stage": "active",
                    "artifact_uri": f"artifacts/{number}",
                    "experiment_id": experiment,
                }
                for number in range(len(curves))
            ],
        )
        values = [
            {**common, "run_uuid": f"{n:032x}", "step": step, "timestamp": step, "value": value}
            for n, curve in enumerate(curves)
            for step, value in enumerate(curve, start=1)
        ]
        connection.execute(insert(SqlMetric), values)
        latest = {value["run_uuid"]: value for value in values}
        connection.execute(insert(SqlLatestMetric), list(latest.values()))


def _ask_mlflow_last(url: str) -> float:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(url)
    experiment = client.get_experiment_by_name(NAME)
    order = [f"metrics.{METRIC} DESC"]
    (run,) = client.search_runs([experiment.experiment_id], order_by=order, max_results=1)
    return run.data.metrics[METRIC]


def _ask_mlflow_best(url: str) -> float:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(url)
    experiment = client.get_experiment_by_name(NAME)
    best, token = 0.0, None
    while True:
        page = client.search_runs([experiment.experiment_id], page_token=token)
        for run in page:
            history = client.get_metric_history(run.info.run_id, METRIC)
            best = max(best, *(metric.value for metric in history))
        token = page.token
        if not token:
            return best


def _fill_optuna(url: str, curves: list[list[float]]) -> None:
    import optuna
    from optuna.storages._rdb import models
    from sqlalchemy import create_engine, insert

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(storage=url, study_name=NAME, direction="maximize")
    now = optuna.trial.create_trial(value=0.0).datetime_start
    with create_engine(url).begin() as connection:
        connection.execute(
            insert(models.TrialModel.__table__),
            [
                {
                    "trial_id": number + 1,
                    "number": number,
                    "study_id": 1,
                    "state": optuna.trial.TrialState.COMPLETE,
                    "datetime_start": now,
                    "datetime_complete": now,
                }
                for number in range(len(curves))
            ],
        )
        connection.execute(
            insert(models.TrialValueModel.__table__),
            [
                {
                    "trial_id": number + 1,
                    "objective": 0,
                    "value": curve[-1],
                    "value_type": models.TrialValueModel.TrialValueType.FINITE,
                }
                for number, curve in enumerate(curves)
            ],
        )
        finite = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE
        connection.execute(
            insert(models.TrialIntermediateValueModel.__table__),
            [
                {
                    "trial_id": number + 1,
                    "step": step,
                    "intermediate_value": value,
                    "intermediate_value_type": finite,
                }
                for number, curve in enumerate(curves)
                for step, value in enumerate(curve, start=1)
            ],
        )


def _ask_optuna_last(url: str) -> float:
    import optuna

    return optuna.load_study(storage=url, study_name=NAME).best_value


def _ask_optuna_best(url: str) -> float:
    import optuna

    study = optuna.load_study(storage=url, study_name=NAME)
    return max(max(trial.intermediate_values.values()) for trial in study.trials)


_FILLERS = {"mlflow": _fill_mlflow, "optuna": _fill_optuna}
_QUESTIONS = {
    ("mlflow", "ask-last"): _ask_mlflow_last,
    ("mlflow", "ask-best"): _ask_mlflow_best,
    ("optuna", "ask-last"): _ask_optuna_last,
    ("optuna", "ask-best"): _ask_optuna_best,
}


if __name__ == "__main__":
    main()
