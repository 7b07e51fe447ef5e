"""The configuration of an experiment: every parameter, its default, its unit and its kind.

This is the only place with defaults. Reading files, flags and `--set` is `dfx.services.configure`'s
work; resolving what the machine decides is `dfx.services.machine`'s.

A key is of one of three kinds:

- *recipe*: decides the result; digested; the same for the whole life of a run;
- *machine*: where and how it is computed; recorded with each attempt, may change on resume;
- *plan*: how long; may be extended on resume.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from dfx.errors import ConfigError

CONFIG_VERSION = 1
"""Version of the stored form. Raise it, and add to `_UPGRADES`, when a key changes."""

Kind = Literal["recipe", "machine", "plan"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Recomputed = Literal["auto"] | StrictBool | Annotated[int, Field(ge=0)]
SelectBy = Literal["accuracy", "auc", "loss"]
Schedule = Literal["cosine", "step", "constant"]


def _key(kind: Kind, default: object, description: str, **limits: Any) -> Any:
    """A field with its kind in its metadata."""
    return Field(default, description=description, json_schema_extra={"kind": kind}, **limits)


def _check_threshold(value: object) -> object:
    """Turns `0.5` into a number and checks the two named rules."""
    if value == "balanced":
        return value
    if isinstance(value, str | float | int) and not isinstance(value, bool):
        rule, number = ("fpr=", str(value)[4:]) if str(value).startswith("fpr=") else ("", value)
        try:
            share = float(number)
        except ValueError:
            share = math.nan
        if 0 < share < 1:
            return value if rule else share
    raise ValueError(
        f"{value!r} is none of: a number between 0 and 1, 'balanced', 'fpr=0.01' with a rate"
        " between 0 and 1"
    )


Threshold = Annotated[float | str, BeforeValidator(_check_threshold)]


class Section(BaseModel):
    """One part of the configuration: frozen, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), strict=True
    )


class DataConfig(Section):
    """Which images, and how they are read."""

    root: str = _key("machine", "dataset", "folder with train/, val/ and optionally test/")
    image_size: int = _key("recipe", 380, "pixels, height and width the network sees", ge=32)
    batch_size: int = _key("recipe", 32, "images per batch, over all processes together", ge=1)
    workers: int = _key("machine", 4, "loader processes; 0 loads in the training process", ge=0)
    pin_memory: StrictBool = _key("machine", True, "page-locked batches, where a card is used")
    limit: int | None = _key("recipe", None, "images per class and split; none takes all", ge=1)
    on_bad_image: Literal["skip", "fail"] = _key(
        "recipe", "skip", "what an unreadable image does: left out of the index, or an error"
    )


class AugmentConfig(Section):
    """What happens to a training image before the network sees it."""

    horizontal_flip: float = _key("recipe", 0.5, "probability", ge=0, le=1)
    rotation_degrees: float = _key("recipe", 10.0, "degrees, uniform within ±", ge=0, le=180)
    brightness: float = _key("recipe", 0.2, "fraction, factor uniform within 1 ±", ge=0, lt=1)
    contrast: float = _key("recipe", 0.2, "fraction, factor uniform within 1 ±", ge=0, lt=1)
    jpeg: float = _key("recipe", 0.0, "probability of JPEG at quality 30 to 100", ge=0, le=1)
    blur: float = _key("recipe", 0.0, "probability of Gaussian blur, σ 0 to 3 pixels", ge=0, le=1)
    resize: float = _key("recipe", 0.0, "probability of resizing to 0.25–1 and back", ge=0, le=1)
    noise: float = _key("recipe", 0.0, "probability of noise, σ 0 to 10 of 255", ge=0, le=1)


class ModelConfig(Section):
    """Which network, and where its weights come from."""

    name: str = _key("recipe", "efficientnet_b4.ra2_in1k", "timm architecture", min_length=1)
    pretrained: StrictBool = _key("recipe", True, "start from timm's published weights")
    weights_file: str | None = _key("recipe", None, "local .safetensors or .pth file instead")
    drop_rate: float = _key("recipe", 0.0, "dropout before the last layer", ge=0, lt=1)
    drop_path_rate: float = _key("recipe", 0.0, "probability of skipping a block", ge=0, lt=1)
    grad_checkpointing: Recomputed = _key(
        "machine", "auto", "blocks recomputed to save memory: auto, true for all, false or how many"
    )


class OptimConfig(Section):
    """AdamW and its learning rate over time."""

    lr: float = _key("recipe", 1e-4, "peak learning rate, per optimiser step", gt=0)
    weight_decay: float = _key("recipe", 1e-5, "decoupled weight decay", ge=0)
    schedule: Schedule = _key("recipe", "cosine", "shape of the learning rate over the run")
    warmup_epochs: float = _key("recipe", 0.0, "epochs of linear warm-up from 0", ge=0)
    step_epochs: int = _key("recipe", 5, "epochs between reductions (schedule 'step')", ge=1)
    step_gamma: float = _key("recipe", 0.1, "factor per reduction (schedule 'step')", gt=0, le=1)


class TrainConfig(Section):
    """How long, on what, and how the best epoch is chosen."""

    epochs: int = _key("plan", 15, "passes over the training images", ge=1)
    seed: int = _key("recipe", 0, "decides weights, order and augmentation", ge=0, lt=2**63)
    device: str = _key("machine", "auto", "auto, cuda, cuda:N, mps or cpu", min_length=1)
    threads: int | Literal["auto"] = _key("machine", "auto", "computing threads of torch")
    precision: Precision = _key("recipe", "auto", "number format of the forward pass")
    select_by: SelectBy = _key("recipe", "accuracy", "validation value that decides the best epoch")
    early_stopping_patience: int = _key(
        "recipe", 5, "epochs without improvement before stopping; 0 never stops early", ge=0
    )
    early_stopping_min_delta: float = _key(
        "recipe", 0.0, "least change of the selection value that counts for patience", ge=0
    )
    freeze_epochs: int = _key("recipe", 0, "epochs that train the last layer only", ge=0)
    accumulate: int = _key("recipe", 1, "batches per optimiser step", ge=1)
    clip_grad_norm: float = _key("recipe", 0.0, "largest L2 norm of the gradient; 0 is off", ge=0)
    label_smoothing: float = _key("recipe", 0.0, "share of the target spread evenly", ge=0, lt=1)
    class_weights: Literal["balanced"] | None = _key(
        "recipe", None, "'balanced' weighs each class by the inverse of its share"
    )
    ema: float = _key(
        "recipe", 0.0, "decay per step of a moving average of the weights; 0 is off", ge=0, lt=1
    )
    checkpoint_minutes: float = _key("machine", 5.0, "minutes between snapshots in an epoch", gt=0)
    deterministic: StrictBool = _key("recipe", False, "deterministic algorithms only; slower")
    compile: StrictBool = _key("machine", False, "compile the network, where it can be")

    @model_validator(mode="after")
    def _check_threads(self) -> TrainConfig:
        if isinstance(self.threads, int) and self.threads < 1:
            raise ValueError(f"train.threads is {self.threads}; expected 'auto' or 1 and more")
        return self


class EvaluateConfig(Section):
    """What is fitted on the validation scores and stored with the weights."""

    threshold: Threshold = _key(
        "recipe", 0.5, "p_deepfake from which an image is a deepfake: number, balanced, fpr=0.01"
    )


class ExperimentConfig(Section):
    """Everything that is decided before a run starts.

    The defaults are the reference recipe. Instances are frozen: another recipe is another run.
    """

    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="after")
    def _check_sections_agree(self) -> ExperimentConfig:
        if self.train.freeze_epochs >= self.train.epochs:
            raise ValueError(
                f"train.freeze_epochs is {self.train.freeze_epochs} and train.epochs"
                f" {self.train.epochs}: nothing would ever be fine-tuned"
            )
        if self.optim.warmup_epochs >= self.train.epochs:
            raise ValueError(
                f"optim.warmup_epochs is {self.optim.warmup_epochs:g} and train.epochs"
                f" {self.train.epochs}: the warm-up would never end"
            )
        if self.train.freeze_epochs and not self.model.pretrained and not self.model.weights_file:
            raise ValueError(
                "train.freeze_epochs with random weights would train on random features;"
                " set it to 0 or start from pretrained weights"
            )
        return self

    def flat(self) -> dict[str, Any]:
        """All values by dotted key, in the order of this file."""
        sections: dict[str, dict[str, Any]] = self.model_dump()
        return {
            f"{section}.{key}": value
            for section, values in sections.items()
            for key, value in values.items()
        }

    def recipe(self) -> dict[str, Any]:
        """The values that decide the result, by dotted key."""
        return {key: value for key, value in self.flat().items() if KINDS[key] == "recipe"}

    def recipe_digest(self) -> str:
        """SHA-256 of the recipe's canonical JSON, with the algorithm as prefix.

        Changing the canonical form (sorted keys, no spaces, keys of kind recipe only) changes every
        digest that was ever stored.
        """
        canonical = json.dumps(self.recipe(), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()

    def replace(self, changes: Mapping[str, Any]) -> ExperimentConfig:
        """A copy with other values, validated anew.

        Args:
            changes: Values by dotted key.

        Raises:
            ConfigError: For an unknown key or a value out of range.
        """
        return parse_config(nest({**self.flat(), **changes}))


def _walk_fields() -> Iterator[tuple[str, FieldInfo]]:
    for section in ExperimentConfig.model_fields:
        default: Section = getattr(_DEFAULTS, section)
        for name, field in type(default).model_fields.items():
            yield f"{section}.{name}", field


_DEFAULTS = ExperimentConfig()

KINDS: dict[str, Kind] = {
    key: cast("dict[str, Kind]", field.json_schema_extra)["kind"] for key, field in _walk_fields()
}
"""The kind of every key."""

DESCRIPTIONS: dict[str, str] = {key: field.description or "" for key, field in _walk_fields()}
"""What every key means, with its unit."""


def nest(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Dotted keys as a tree of sections.

    Raises:
        ConfigError: For a key without a section.
    """
    tree: dict[str, dict[str, Any]] = {}
    for key, value in flat.items():
        check_key(key)
        section, name = key.split(".")
        tree.setdefault(section, {})[name] = value
    return tree


def check_key(key: str, *, where: str = "") -> None:
    """Accepts a key that exists.

    Args:
        key: A dotted key.
        where: What to add to the message, such as the file it stands in.

    Raises:
        ConfigError: Naming the nearest key there is.
    """
    if key in KINDS:
        return
    name = key.rpartition(".")[2]
    words = name.replace("_", " ").strip() or "no words at all"
    near = (
        [known for known in KINDS if known.endswith("." + name)]
        or difflib.get_close_matches(key, KINDS, n=1, cutoff=0.85)
        or [known for known in KINDS if words in known.replace("_", " ")]
        or [known for known, text in DESCRIPTIONS.items() if words in text]
        or difflib.get_close_matches(key, KINDS, n=1, cutoff=0.5)
    )
    raise ConfigError(
        f"unknown configuration key {key!r}{where}",
        hint=(
            f"did you mean {near[0]!r}?"
            if near
            else "`dfx run --name NAME --dry-run` lists all keys"
        ),
    )


def check_tree(tree: Mapping[str, Any], *, where: str = "") -> None:
    """Accepts a tree of sections whose keys all exist; the values are not looked at.

    Raises:
        ConfigError: Naming the nearest section or key there is.
    """
    for section, values in tree.items():
        if section not in ExperimentConfig.model_fields:
            near = difflib.get_close_matches(section, [*ExperimentConfig.model_fields, *KINDS], n=1)
            sections = ", ".join(ExperimentConfig.model_fields)
            raise ConfigError(
                f"unknown configuration section {section!r}{where}",
                hint=f"did you mean {near[0]!r}?" if near else f"sections are {sections}",
            )
        if not isinstance(values, Mapping):
            raise ConfigError(
                f"configuration section {section!r} is {values!r}; expected a table{where}"
            )
        for name in values:
            check_key(f"{section}.{name}", where=where)


def parse_config(tree: Mapping[str, Any], *, where: str = "") -> ExperimentConfig:
    """Validates a tree of sections.

    Args:
        tree: Sections with their values; what is missing takes its default.
        where: What to add to messages, such as the file the tree was read from.

    Raises:
        ConfigError: Naming the key, the value and what was expected.
    """
    check_tree(tree, where=where)
    try:
        return ExperimentConfig.model_validate(dict(tree))
    except ValidationError as error:
        raise ConfigError(_explain(error) + where) from None


def _explain(error: ValidationError) -> str:
    """The first complaint, in words that name the key and the value."""
    first, *more = error.errors()
    key = ".".join(str(part) for part in first["loc"][:2])
    reason = first["msg"].removeprefix("Value error, ")
    if key not in KINDS:
        return reason
    if first["type"] == "value_error":
        return f"{key}: {reason}"
    # A key that takes this or that complains once for each.
    reasons = [reason, *(other["msg"] for other in more if other["loc"][:2] == first["loc"][:2])]
    expected = " or ".join(text.removeprefix("Input should be ") for text in reasons)
    return f"{key} is {first['input']!r}; expected {expected} ({DESCRIPTIONS[key]})"


_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""For each old version, what turns a tree of it into one of the next."""


def dump_config(config: ExperimentConfig) -> str:
    """The stored form, for `load_config` together with `CONFIG_VERSION`."""
    # Unlike pydantic's own JSON it takes paths that are not text to the operating system either.
    return json.dumps(config.model_dump(), separators=(",", ":"))


def load_config(text: str, version: int) -> ExperimentConfig:
    """Reads a stored configuration of this version or an older one.

    Raises:
        ConfigError: Where a newer dfx wrote it.
    """
    return parse_config(_load_tree(text, version))


def load_flat(text: str, version: int) -> dict[str, Any]:
    """The values of a stored configuration by dotted key, not validated again; for many at a time.

    Raises:
        ConfigError: Where a newer dfx wrote it.
    """
    return {
        f"{section}.{key}": value
        for section, values in _load_tree(text, version).items()
        for key, value in values.items()
    }


def _load_tree(text: str, version: int) -> dict[str, Any]:
    if version > CONFIG_VERSION:
        raise ConfigError(
            f"the configuration has version {version}; this dfx reads up to {CONFIG_VERSION}",
            hint="upgrade dfx: pip install --upgrade dfx",
        )
    tree: dict[str, Any] = json.loads(text)
    for old in range(version, CONFIG_VERSION):
        tree = _UPGRADES[old](tree)
    return tree
