"""What the weights are, how they are used, and how a score becomes a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from dfx.display.figures import format_count
from dfx.display.model_card.markdown import code, plain, section
from dfx.display.model_card.words import NOT_KNOWN, format_threshold
from dfx.records import CLASS_NAMES
from dfx.records.model_card import ModelCard

_EXAMPLE = """\
```python
import timm
import torch
from PIL import Image, ImageOps

model = timm.create_model("local-dir:.", pretrained=True).eval()  # . is this folder
settings = timm.data.resolve_model_data_config(model)
prepare = timm.data.create_transform(**settings, is_training=False)
image = ImageOps.exif_transpose(Image.open("img.png")).convert("RGB")
with torch.inference_mode():
    logits = model(prepare(image)[None])
p_deepfake = (logits / {temperature!r}).softmax(1)[0, {deepfake}].item()
print("Deepfake" if p_deepfake >= {threshold!r} else "Real", f"{{p_deepfake:.4f}}")
```"""


def write_opening(card: ModelCard) -> str:
    """What this is, in a few sentences."""
    size = card.preprocessing.image_size_px
    classes = " and ".join(f"{code(name)} ({index})" for index, name in enumerate(CLASS_NAMES))
    return section(
        f"Real or deepfake: {plain(card.run)}",
        f"An image classifier that tells deepfakes from real images: timm's"
        f" {code(card.architecture)} with {format_count(card.parameters)} parameters, an input of"
        f" {size} × {size} pixels, and an output each for {classes}. It was trained with dfx as run"
        f" {code(card.run)}; these are the weights after epoch {card.epoch}. An image whose"
        f" calibrated probability of being a deepfake, {code('p_deepfake')}, is at least"
        f" {format_threshold(card.threshold)} is called a deepfake.",
        level=1,
    )


def write_use(card: ModelCard) -> str:
    """A few lines that judge an image, with timm and with dfx."""
    example = _EXAMPLE.format(
        temperature=card.temperature,
        threshold=card.threshold,
        deepfake=CLASS_NAMES.index("deepfake"),
    )
    of_run = code(f"dfx predict --run {card.run} img.png")
    of_file = code("dfx predict --weights FILE img.png")
    settings = card.preprocessing
    size = settings.image_size_px
    return section(
        "Use",
        f"With timm {card.timm_needed} or newer, in this folder:",
        example,
        f"With dfx, which also lays transparency on white: {of_run} where the run is recorded,"
        f" {of_file} with its weights file.",
        f"**Preprocessing.** 8-bit RGB, EXIF orientation applied; the whole image resized to"
        f" {size} × {size} pixels (bicubic, antialiased, whatever its shape); scaled to [0, 1];"
        f" normalised by mean {_list(settings.mean)} and standard deviation {_list(settings.std)}."
        f" {code('config.json')} tells timm so.",
    )


def write_calibration(card: ModelCard) -> str:
    """How logits become p_deepfake, how that becomes a label, and what was fitted on what."""
    return section(
        "Threshold and calibration",
        f"{code('p_deepfake')} is the softmax of the logits divided by a temperature of"
        f" {card.temperature:.4g} (Guo et al., “On Calibration of Modern Neural Networks”, 2017)."
        f" The threshold is {format_threshold(card.threshold)}, {_explain_rule(card)}.",
        f"{_say_fitted(card)} fitted on {_say_images(card)}.",
    )


def _say_fitted(card: ModelCard) -> str:
    is_rule = isinstance(card.config.get("evaluate.threshold"), str)
    return "Temperature and threshold were" if is_rule else "The temperature was"


def _explain_rule(card: ModelCard) -> str:
    rule = str(card.config.get("evaluate.threshold"))
    if rule == "balanced":
        return "the one with the greatest TPR − FPR (Youden's J) on the validation images"
    if rule.startswith("fpr="):
        limit = rule.removeprefix("fpr=")
        return f"the lowest with an FPR of at most {plain(limit)} on the validation images"
    return "as configured before the training, not fitted"


def _say_images(card: ModelCard) -> str:
    if card.record is None:
        return f"validation images of the run; how many and which is {NOT_KNOWN}"
    split = card.record.find_split("val")
    if split is None:
        return "validation images of the run, whose number is not recorded"
    return (
        f"the run's {format_count(split.images)} validation images, and nothing else, after epoch"
        f" {card.epoch}"
    )


def _list(values: Sequence[float]) -> str:
    return f"({', '.join(f'{value:g}' for value in values)})"
