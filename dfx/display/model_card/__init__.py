"""The model card that goes with exported weights: Markdown with the front matter of Hugging Face.

It says what the record knows and no more: what was not measured is called so, and where only a
weights file was at hand, what that does not tell is *not known*.
"""

from __future__ import annotations

from dfx.display.model_card.limits import write_limits
from dfx.display.model_card.opening import write_calibration, write_opening, write_use
from dfx.display.model_card.provenance import write_provenance
from dfx.display.model_card.results import write_metrics
from dfx.display.model_card.robustness import write_robustness
from dfx.display.model_card.training import write_data, write_recipe
from dfx.records.model_card import ModelCard


def render_card(card: ModelCard) -> str:
    """The text of `README.md`, the same for the same card."""
    parts = (
        _write_front_matter(card),
        write_opening(card),
        write_use(card),
        write_calibration(card),
        write_data(card),
        write_recipe(card),
        write_metrics(card),
        write_robustness(card),
        write_limits(card),
        write_provenance(card),
    )
    return "\n\n".join(parts) + "\n"


def _write_front_matter(card: ModelCard) -> str:
    """What Hugging Face reads; no licence, since that of the images and weights is not known here.

    The keys are those of https://huggingface.co/docs/hub/model-cards.
    """
    hub = None if card.record is None else card.record.initial.get("hub")
    # Of some weights it is an address, which the key does not take.
    base = hub if isinstance(hub, str) and hub.count("/") == 1 else None
    lines = [
        "library_name: timm",
        "pipeline_tag: image-classification",
        *([f"base_model: {base}"] if base else []),
        "tags:",
        *(f"- {tag}" for tag in ("timm", "image-classification", "deepfake-detection", "dfx")),
    ]
    return "\n".join(("---", *lines, "---"))
