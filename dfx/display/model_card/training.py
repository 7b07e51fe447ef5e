"""What the network was trained on, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dfx.display.figures import format_count
from dfx.display.model_card.markdown import code, facts, plain, section, table
from dfx.display.model_card.words import NOT_KNOWN, SPLITS
from dfx.messages import counted
from dfx.records.model_card import ModelCard
from dfx.records.prediction import ImageProfile, Span


def write_data(card: ModelCard) -> str:
    """Counts, digests, and what the files are like."""
    name = card.config.get("data.root")
    limit = card.config.get("data.limit")
    parts = [f"Data set {plain(name)}." if name else "The data set has no name."]
    if limit:
        parts.append(f"At most {format_count(limit)} images of each class and split were taken.")
    return section(
        "Training data",
        " ".join(parts),
        _tabulate_splits(card),
        _describe_profile(card.training_images),
    )


def _tabulate_splits(card: ModelCard) -> str:
    if card.record is None:
        return f"Images by class and split, and their digests: {NOT_KNOWN}."
    if not card.record.data:
        return "Images by class and split are not recorded."
    rows = [
        [
            SPLITS[split.split],
            format_count(split.real),
            format_count(split.deepfake),
            format_count(len(split.skipped)),
            code(split.digest),
        ]
        for split in card.record.data
    ]
    headings = ("split", "real", "deepfake", "unreadable, left out", "digest")
    return table(headings, rows, align="lrrrl")


def _describe_profile(profile: ImageProfile | None) -> str:
    if profile is None:
        return "What the files are like was not looked at when these weights were written."
    formats = ", ".join(
        f"{format_count(count)} {plain(kind)}" for kind, count in profile.formats.items()
    )
    quality = profile.jpeg_quality
    words = (
        f"{counted(profile.images, 'training image')} looked at, of which all but the most unusual"
        f" (1st to 99th percentile) have a shorter side of {_span(profile.shorter_side_px, '.0f')}"
        f" pixels and a ratio of width to height of {_span(profile.aspect, '.2f')}"
    )
    if formats:
        words += f"; files: {formats}"
    if quality:
        words += f"; JPEG quality {_span(quality, '.0f')}, estimated"
    return f"{words}."


def _span(span: Span, digits: str) -> str:
    low, high = format(span.low, digits), format(span.high, digits)
    return low if low == high else f"{low} to {high}"


def write_recipe(card: ModelCard) -> str:
    """The configuration in short: what is off is not told."""
    return section("Training", facts(_list_recipe(card)))


def _list_recipe(card: ModelCard) -> Iterator[tuple[str, str]]:
    config = card.config
    yield "started from", _say_start(card)
    yield "optimiser", _say_optimiser(config)
    batch, batches = config["data.batch_size"], config["train.accumulate"]
    parted = f", in {batches} batches" if batches > 1 else ""
    yield "images a step", f"{format_count(batch * batches)}{parted}"
    yield "epochs", _say_epochs(card)
    yield "augmentation", ", ".join(_list_augmentation(config)) or "none"
    if more := ", ".join(_list_more(config)):
        yield "also", more
    yield "number format", f"trained in {card.precision}; these files hold float32"
    yield "seed", str(config["train.seed"])


def _say_start(card: ModelCard) -> str:
    config, record = card.config, card.record
    source = None if record is None else record.initial.get("source")
    if config["model.weights_file"] or source == "file":
        named = config["model.weights_file"] or (record.initial.get("path") if record else None)
        return f"a local file, {code(str(named))}" if named else "a local file"
    if not config["model.pretrained"] or source == "random":
        return "random weights"
    hub = None if record is None else record.initial.get("hub")
    return f"timm's published weights, {code(str(hub or card.architecture))}"


def _say_optimiser(config: Mapping[str, Any]) -> str:
    schedule = config["optim.schedule"]
    words = (
        f"AdamW, learning rate {config['optim.lr']:g} ({schedule}), weight decay"
        f" {config['optim.weight_decay']:g}"
    )
    warmup = config["optim.warmup_epochs"]
    return f"{words}, {warmup:g} epochs of warm-up" if warmup else words


def _say_epochs(card: ModelCard) -> str:
    record = card.record
    count = f"{card.config['train.epochs']} planned"
    if record is not None:
        count = f"{record.epochs} finished"
    return f"{count}; epoch {card.epoch} chosen by validation {card.config['train.select_by']}"


def _list_augmentation(config: Mapping[str, Any]) -> Iterator[str]:
    if chance := config["augment.horizontal_flip"]:
        yield f"horizontal flip (probability {chance:g})"
    if degrees := config["augment.rotation_degrees"]:
        yield f"rotation ± {degrees:g}°"
    for name in ("brightness", "contrast"):
        if share := config[f"augment.{name}"]:
            yield f"{name} ± {share * 100:g} %"
    for name, words in (
        ("jpeg", "JPEG of quality 30 to 100"),
        ("blur", "blur of σ 0 to 3 pixels"),
        ("resize", "resizing to 0.25–1 and back"),
        ("noise", "noise of σ 0 to 10 of 255"),
    ):
        if chance := config[f"augment.{name}"]:
            yield f"{words} (probability {chance:g})"


def _list_more(config: Mapping[str, Any]) -> Iterator[str]:
    if epochs := config["train.freeze_epochs"]:
        yield f"only the last layer trained for {counted(epochs, 'epoch')} at first"
    if share := config["train.label_smoothing"]:
        yield f"label smoothing {share:g}"
    if config["train.class_weights"]:
        yield "classes weighted by the inverse of their shares"
    if decay := config["train.ema"]:
        yield f"moving average of the weights (decay {decay:g})"
    if norm := config["train.clip_grad_norm"]:
        yield f"gradient norm at most {norm:g}"
    if share := config["model.drop_rate"]:
        yield f"dropout {share:g}"
    if share := config["model.drop_path_rate"]:
        yield f"stochastic depth {share:g}"
