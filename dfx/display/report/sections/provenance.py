"""What ran on what, and how each number is defined: enough to do it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dfx.display.figures import format_count, format_duration, format_time
from dfx.display.report.markup import Html, element, facts, join, section
from dfx.display.report.words import format_threshold
from dfx.messages import counted
from dfx.records import Split
from dfx.records.report import EvaluationReport

_RULES = {"balanced": "greatest TPR − FPR (Youden's J) on validation"}

_NAMES: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}


def write_provenance(report: EvaluationReport) -> Html:
    """Run, network, images and computation."""
    return section(
        "Provenance",
        element("h3", "Run"),
        facts(_of_run(report)),
        element("h3", "Network"),
        facts(_of_network(report)),
        element("h3", "Images"),
        facts(_of_images(report)),
        element("h3", "Computation"),
        facts(_of_computation(report)),
    )


def _of_run(report: EvaluationReport) -> Iterator[tuple[str, str]]:
    run = report.run
    yield "run", f"{run.name} (id {run.id})"
    yield "uuid", _code(run.uuid)
    yield "made", f"{format_time(run.created_at)} on {run.host}"
    yield "recipe", _code(run.recipe_digest)
    yield "epoch", _epochs(report)
    for split in run.data:
        counts = f"{format_count(split.real)} real, {counted(split.deepfake, 'deepfake')}"
        digest = join((" ", _code(split.digest)))
        yield f"{_NAMES[split.split]} set", join((counts, digest))
    for name, value in run.weights.items():
        yield f"weights: {name}", _plain(value)
    if run.tags:
        yield "tags", ", ".join(run.tags)


def _epochs(report: EvaluationReport) -> str:
    words = str(report.evaluation.epoch)
    if report.epochs:
        words += f" of {format_count(len(report.epochs))}"
    best = report.run.best_epoch
    return words if best is None else f"{words}, best {best}"


def _of_network(report: EvaluationReport) -> Iterator[tuple[str, str]]:
    detail = report.detail
    shipped = next(
        (r for r in (detail.headline, *detail.others) if r.kind == "shipped"), detail.headline
    )
    size = detail.image_size_px
    yield "architecture", detail.architecture
    yield "input", f"{size} × {size} pixels, RGB"
    yield "shipped threshold", f"{format_threshold(shipped.threshold)}, {_explain_rule(report)}"
    yield "shipped temperature", f"{shipped.temperature:.6g}"


def _explain_rule(report: EvaluationReport) -> str:
    rule = report.detail.threshold_rule
    words = _RULES.get(rule)
    if rule.startswith("fpr="):
        words = f"lowest with an FPR of at most {rule.removeprefix('fpr=')} on validation"
    return f"by evaluate.threshold = {rule}" + (f": {words}" if words else "")


def _of_images(report: EvaluationReport) -> Iterator[tuple[str, str]]:
    data, overlap = report.detail.data, report.detail.overlap
    yield (
        "set",
        f"{data.name}, {data.split} split{', the own data of the run' if data.is_own else ''}",
    )
    yield "folder", _code(data.root)
    yield "scored", f"{format_count(data.real)} real, {counted(data.deepfake, 'deepfake')}"
    yield "not readable", format_count(len(data.skipped))
    if data.limit is not None:
        yield "limit", f"{format_count(data.limit)} of each class"
    yield "digest", _code(data.digest)
    yield "digest of contents", _code(data.content_digest)
    for name, count in (("training", overlap.train), ("validation", overlap.val)):
        yield f"in the {name} set", "not known" if count is None else format_count(count)
    if report.evaluation.test_use is not None:
        yield "uses of test splits", format_count(report.evaluation.test_use)


def _of_computation(report: EvaluationReport) -> Iterator[tuple[str, str]]:
    detail = report.detail
    yield "scored", format_time(report.evaluation.created_at)
    yield "dfx", report.version
    yield "device", f"{detail.device}, {detail.precision}"
    yield "time", format_duration(detail.seconds)
    yield "bootstrap", f"{counted(detail.resamples, 'resample')}, seed {detail.seed}"
    if detail.robustness is not None:
        libraries = ", ".join(f"{k} {v}" for k, v in detail.robustness.libraries.items())
        yield "robustness suite", f"version {detail.robustness.version}; {libraries}"
    if report.evaluation.predictions is not None:
        yield "predictions", _code(report.evaluation.predictions)


def _code(text: str) -> Html:
    return element("code", text)


def _plain(value: Any) -> str:
    return "none" if value is None else str(value)
