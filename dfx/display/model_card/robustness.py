"""How the verdicts hold when the images are changed."""

from __future__ import annotations

from collections.abc import Iterator

from dfx.display.format_check import describe_format_check
from dfx.display.model_card.markdown import code, plain, section, table
from dfx.display.model_card.words import NOT_KNOWN, format_ends, format_value, name_set
from dfx.display.robustness import describe_suite
from dfx.records import Evaluation
from dfx.records.model_card import ModelCard
from dfx.records.robustness import ConditionResult, Robustness


def write_robustness(card: ModelCard) -> str:
    """For each set that went through the suite, the worst of each kind of change."""
    if card.record is None:
        return section("Robustness", f"Whether it was measured: {NOT_KNOWN}.")
    measured = card.record.robustness
    if not measured:
        command = code(f"dfx evaluate {card.run} --robustness")
        return section("Robustness", f"Not measured: {command}.")
    own = card.config.get("data.root")
    return section("Robustness", *(part for each in measured for part in _write_set(each, own)))


def _write_set(evaluation: Evaluation, own: str | None) -> Iterator[str]:
    robustness = None if evaluation.detail is None else evaluation.detail.robustness
    if robustness is None:
        raise ValueError("an evaluation without a suite has no robustness to tell")
    title = name_set(evaluation, own)
    in_sample = (
        ", in-sample"
        if evaluation.detail and evaluation.detail.headline.kind == "uncalibrated"
        else ""
    )
    yield f"The {title}{in_sample}, as it is and under the worst of each kind of change:"
    worst = _find_worst(robustness)
    yield table(
        ("images", "AUC", "95 %", "accuracy", "95 %"),
        (
            [
                plain(result.title),
                format_value(result.auc),
                format_ends(result.auc_low, result.auc_high),
                format_value(result.accuracy),
                format_ends(result.accuracy_low, result.accuracy_high),
            ]
            for result in (robustness.clean, *worst)
        ),
    )
    yield f"{describe_format_check(robustness)} {describe_suite(robustness)}"


def _find_worst(robustness: Robustness) -> Iterator[ConditionResult]:
    """Of each kind of change the one with the lowest AUC, or accuracy where none has an AUC."""
    families: dict[str, list[ConditionResult]] = {}
    for result in robustness.results[1:]:
        families.setdefault(result.family, []).append(result)
    for results in families.values():
        yield min(results, key=_rank)


def _rank(result: ConditionResult) -> tuple[bool, float]:
    """By what is lowest; what is undefined comes last."""
    value = result.accuracy if result.auc is None else result.auc
    return value is None, 0.0 if value is None else value
