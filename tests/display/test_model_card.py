"""A model card says what is known, calls what is not by name, and is Markdown that others read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from huggingface_hub import ModelCard as HubCard

from dfx.config import ExperimentConfig
from dfx.display.model_card import render_card
from dfx.records.evaluation import Interval

from .card_samples import make_card, make_in_sample, make_record, make_training_report

Golden = Callable[[str, str], None]

NOT_KNOWN = "not known from the weights file alone"


def read_section(text: str, title: str) -> str:
    """What stands under a heading."""
    [found] = re.findall(rf"^## {title}\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_card_looks_as_kept(golden: Golden) -> None:
    golden("model-card", render_card(make_card(record=make_record())))


def test_card_of_a_weights_file_alone_looks_as_kept(golden: Golden) -> None:
    golden("model-card-of-a-file", render_card(make_card()))


@pytest.mark.parametrize("with_record", [True, False])
def test_front_matter_is_read_by_the_hub(*, with_record: bool) -> None:
    """Without a licence, which is not known; the weights it started from, where they are."""
    card = make_card(record=make_record() if with_record else None)
    data = HubCard(render_card(card)).data.to_dict()

    assert data == {
        "library_name": "timm",
        "pipeline_tag": "image-classification",
        "tags": ["timm", "image-classification", "deepfake-detection", "dfx"],
        **({"base_model": "timm/efficientnet_b4.ra2_in1k"} if with_record else {}),
    }


def test_what_the_file_does_not_know_is_said() -> None:
    text = render_card(make_card())

    for title in ("Threshold and calibration", "Training data", "Metrics", "Robustness"):
        assert NOT_KNOWN in read_section(text, title)
    assert read_section(text, "Provenance").count(NOT_KNOWN) == 3
    assert "accuracy 0.9873, AUC >0.9999, F1 (deepfake) undefined" in text


def test_what_was_not_measured_is_said_with_the_command() -> None:
    """Where nothing was but what training does by itself, and where not even that is recorded."""
    record = make_record(evaluations=(make_training_report(),), robustness=(), test_uses=0)
    text = render_card(make_card(record=record))

    assert "| accuracy | 0.9125 | 0.9005 – 0.9231 |" in text
    assert "Optimistic: the epoch was chosen on these images." in text
    assert "Not measured on a test split: `dfx evaluate b4-robust/1 --split test`." in text
    assert "Not measured: `dfx evaluate b4-robust/1 --robustness`." in text
    assert "its own: `dfx evaluate b4-robust/1 --data DIR --split test`." in text
    assert "compression, blur, resizing and noise has not been measured." in text

    nothing = replace(record, evaluations=(), data=(), software={}, initial={}, revision=None)
    text = render_card(make_card(record=nothing, training_images=None))

    assert "Not measured on validation images either" in text
    assert "Images by class and split are not recorded." in text
    assert "was not looked at when these weights were written." in text
    assert "| initial weights | not recorded |\n| code | no revision recorded |" in text
    assert "| trained with | not recorded |" in text


def test_validation_images_are_in_sample() -> None:
    record = make_record(evaluations=(make_in_sample(),), robustness=(make_in_sample(),))
    text = render_card(make_card(record=record))

    assert "### Validation split of faces (the run's own data): in-sample" in text
    assert "at 0.5, uncalibrated; scored on 2026-02-03. Optimistic: the epoch was chosen on" in text
    assert "The validation split of faces, in-sample, as it is and under the worst" in text
    assert "use of a test split" not in text


def test_worst_of_each_kind_of_change_is_shown() -> None:
    shown = read_section(render_card(make_card(record=make_record())), "Robustness")

    assert [line.split(" | ")[0] for line in shown.splitlines() if line.startswith("| ")] == [
        "| images",
        "| ---",
        "| as they are",
        "| JPEG quality 30",
        "| WebP quality 80",
        "| blur, σ 3 px",
        "| resized to 0.25",
        "| noise, σ 10 of 255",
        "| brightness × 1.3",
        "| re-saved as JPEG 90",
    ]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("balanced", "the greatest TPR − FPR (Youden's J) on the validation images"),
        ("fpr=0.01", "the lowest with an FPR of at most 0.01 on the validation images"),
        (0.5, "as configured before the training, not fitted"),
    ],
)
def test_where_the_threshold_is_from(rule: str | float, words: str) -> None:
    config = ExperimentConfig().replace({"evaluate.threshold": rule}).flat()
    told = read_section(
        render_card(make_card(config=config, record=make_record())), "Threshold and calibration"
    )
    fitted = "Temperature and threshold were" if isinstance(rule, str) else "The temperature was"

    assert words in told
    assert f"{fitted} fitted on the run's 2 399 validation images, and nothing else" in told


@pytest.mark.parametrize(
    ("initial", "settings", "started", "provenance"),
    [
        ({"source": "random", "seed": 7}, {"model.pretrained": False}, "random weights", "random"),
        (
            {"source": "file", "path": "start.pt", "sha256": "sha256:1"},
            {"model.weights_file": "start.pt"},
            "a local file, `start.pt`",
            "the local file `start.pt`, `sha256:1`",
        ),
        (
            {"source": "timm", "hub": "https://host/a/b.pth", "sha256": None},
            {},
            "timm's published weights, `https://host/a/b.pth`",
            "timm's, `https://host/a/b.pth`",
        ),
    ],
)
def test_where_the_weights_are_from(
    initial: dict[str, object], settings: dict[str, object], started: str, provenance: str
) -> None:
    """Only what is a repository of the hub is named as one."""
    config = ExperimentConfig().replace(settings).flat()
    text = render_card(make_card(config=config, record=make_record(initial=initial)))

    assert f"| started from | {started} |" in text
    assert f"| initial weights | {provenance} |" in text
    assert "base_model" not in text


def test_names_that_people_chose_are_no_markup() -> None:
    """Of data sets and sources; a bar would end the cell, and a tag would be one."""
    [evaluation] = (make_in_sample(),)
    assert evaluation.detail is not None
    odd = "<img src=x>|*a*\n# b"
    detail = replace(
        evaluation.detail,
        groups=(replace(make_record().evaluations[1].detail.groups[0], source=odd),),  # type: ignore[union-attr]
    )
    record = make_record(evaluations=(replace(evaluation, dataset=odd, detail=detail),))
    config = ExperimentConfig().replace({"data.root": odd}).flat()
    text = render_card(make_card(record=record, config=config))

    assert text.count(r"\<img src=x\>\|\*a\*\\n# b") == 5
    assert "<img" not in text.replace(r"\<img", "")
    assert "\n# b" not in text


def test_cells_are_as_many_as_headings() -> None:
    """In every table; an escaped bar is none."""
    text = render_card(make_card(record=make_record()))
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)

    assert len(tables) == 9
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_few_sources_are_shown_and_the_others_counted() -> None:
    own = make_record().evaluations[1]
    assert own.detail is not None
    groups = tuple(replace(own.detail.groups[0], source=f"real/{i}") for i in range(13))
    many = replace(own, detail=replace(own.detail, groups=groups))
    text = render_card(make_card(record=make_record(evaluations=(many,))))

    assert "| real/9 |" in text and "| real/10 |" not in text
    assert "\nand 3 more sources\n" in text


def test_interval_of_images_not_seen_before_is_told() -> None:
    own = make_record().evaluations[1]
    assert own.detail is not None
    without = own.detail.find_reading("without_overlap")
    assert without is not None and without.intervals["accuracy"] == Interval(0.4, 0.9, "wilson")

    assert (
        "the run has seen 2 of these 10 images in training or validation, by content; without them"
        " the accuracy is 0.1000 (0.4000 – 0.9000)."
    ) in render_card(make_card(record=make_record(evaluations=(own,))))
