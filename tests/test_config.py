"""Every parameter: its default, its limits, its kind, and what is said of a bad one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dfx.config import (
    CONFIG_VERSION,
    DESCRIPTIONS,
    KINDS,
    ExperimentConfig,
    check_key,
    dump_config,
    load_config,
    nest,
    parse_config,
)
from dfx.errors import ConfigError

REFERENCE = {
    "data.root": "dataset",
    "data.image_size": 380,
    "data.batch_size": 32,
    "data.workers": 4,
    "data.pin_memory": True,
    "data.limit": None,
    "data.on_bad_image": "skip",
    "augment.horizontal_flip": 0.5,
    "augment.rotation_degrees": 10.0,
    "augment.brightness": 0.2,
    "augment.contrast": 0.2,
    "augment.jpeg": 0.0,
    "augment.blur": 0.0,
    "augment.resize": 0.0,
    "augment.noise": 0.0,
    "model.name": "efficientnet_b4.ra2_in1k",
    "model.pretrained": True,
    "model.weights_file": None,
    "optim.lr": 1e-4,
    "optim.weight_decay": 1e-5,
    "optim.schedule": "cosine",
    "train.epochs": 15,
    "train.precision": "auto",
    "train.select_by": "accuracy",
    "train.early_stopping_patience": 5,
    "train.freeze_epochs": 0,
}
"""The reference recipe, as the design has it."""

NAMES = [
    "data.root",
    "data.image_size",
    "data.batch_size",
    "data.workers",
    "data.pin_memory",
    "data.limit",
    "data.on_bad_image",
    "augment.horizontal_flip",
    "augment.rotation_degrees",
    "augment.brightness",
    "augment.contrast",
    "augment.jpeg",
    "augment.blur",
    "augment.resize",
    "augment.noise",
    "model.name",
    "model.pretrained",
    "model.weights_file",
    "model.drop_rate",
    "model.drop_path_rate",
    "model.grad_checkpointing",
    "optim.lr",
    "optim.weight_decay",
    "optim.schedule",
    "optim.warmup_epochs",
    "optim.step_epochs",
    "optim.step_gamma",
    "train.epochs",
    "train.seed",
    "train.device",
    "train.threads",
    "train.precision",
    "train.select_by",
    "train.early_stopping_patience",
    "train.early_stopping_min_delta",
    "train.freeze_epochs",
    "train.accumulate",
    "train.clip_grad_norm",
    "train.label_smoothing",
    "train.class_weights",
    "train.ema",
    "train.checkpoint_minutes",
    "train.deterministic",
    "train.compile",
    "evaluate.threshold",
]
"""What scripts may rely on."""


def change(**values: Any) -> ExperimentConfig:
    """The defaults with changes: `change(optim__lr=1)`."""
    return ExperimentConfig().replace({k.replace("__", "."): v for k, v in values.items()})


class TestKeys:
    def test_the_defaults_are_the_reference_recipe(self) -> None:
        flat = ExperimentConfig().flat()

        assert {key: flat[key] for key in REFERENCE} == REFERENCE

    @pytest.mark.parametrize("name", NAMES)
    def test_names_that_scripts_rely_on(self, name: str) -> None:
        assert name in KINDS

    def test_each_has_a_kind_and_a_description(self) -> None:
        flat = ExperimentConfig().flat()

        assert list(KINDS) == list(DESCRIPTIONS) == list(flat)
        assert set(KINDS.values()) == {"recipe", "machine", "plan"}
        assert all(DESCRIPTIONS.values())

    def test_what_may_change_on_resume(self) -> None:
        """A recipe key among these would let a resumed run be another run."""
        assert {key for key, kind in KINDS.items() if kind != "recipe"} == {
            "data.root",
            "data.workers",
            "data.pin_memory",
            "model.grad_checkpointing",
            "train.device",
            "train.threads",
            "train.checkpoint_minutes",
            "train.compile",
            "train.epochs",
        }

    @pytest.mark.parametrize(
        ("wrong", "near"),
        [
            ("optim.learning_rate", "optim.lr"),
            ("train.lr", "optim.lr"),
            ("optim.lrr", "optim.lr"),
            ("data.batchsize", "data.batch_size"),
            ("batch_size", "data.batch_size"),
            ("augment.flip", "augment.horizontal_flip"),
            ("train.epoch", "train.epochs"),
        ],
    )
    def test_an_unknown_one_names_the_nearest(self, wrong: str, near: str) -> None:
        with pytest.raises(ConfigError, match=f"unknown configuration key '{wrong}'") as caught:
            check_key(wrong)

        assert caught.value.hint == f"did you mean '{near}'?"

    def test_one_like_no_other_says_what_lists_them_all(self) -> None:
        with pytest.raises(ConfigError) as caught:
            check_key("qqqq.zzzz", where=" in x.toml")

        assert "unknown configuration key 'qqqq.zzzz' in x.toml" in str(caught.value)
        assert "--dry-run` lists all keys" in (caught.value.hint or "")

    @pytest.mark.parametrize("key", ["lr", "", ".", "a.b.c", "optim.", ".lr"])
    def test_shapes_that_are_no_key(self, key: str) -> None:
        with pytest.raises(ConfigError):
            nest({key: 1})

    def test_an_unknown_section_names_the_nearest(self) -> None:
        with pytest.raises(
            ConfigError, match="unknown configuration section 'optimizer'"
        ) as caught:
            parse_config({"optimizer": {"lr": 1}})

        assert caught.value.hint == "did you mean 'optim'?"

    def test_a_section_that_is_no_table(self) -> None:
        with pytest.raises(ConfigError, match="section 'optim' is 3; expected a table in x"):
            parse_config({"optim": 3}, where=" in x")


class TestValues:
    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [
            ("optim.lr", -1.0, "greater than 0"),
            ("optim.lr", 0.0, "greater than 0"),
            ("optim.lr", float("nan"), "finite"),
            ("optim.lr", float("inf"), "finite"),
            ("optim.lr", "fast", "valid number"),
            ("optim.schedule", "linear", "'cosine', 'step' or 'constant'"),
            ("data.image_size", 31, "greater than or equal to 32"),
            ("data.image_size", 224.5, "valid integer"),
            ("data.batch_size", 0, "greater than or equal to 1"),
            ("data.batch_size", True, "valid integer"),
            ("data.workers", -1, "greater than or equal to 0"),
            ("data.pin_memory", 1, "valid boolean"),
            ("data.pin_memory", "yes", "valid boolean"),
            ("data.limit", 0, "greater than or equal to 1"),
            ("data.limit", True, "valid integer"),
            ("data.on_bad_image", "ignore", "'skip' or 'fail'"),
            ("augment.horizontal_flip", 1.1, "less than or equal to 1"),
            ("augment.horizontal_flip", True, "valid number"),
            ("augment.brightness", 1.0, "less than 1"),
            ("train.seed", -1, "greater than or equal to 0"),
            ("train.seed", 2**63, f"less than {2**63}"),
            ("train.epochs", 0, "greater than or equal to 1"),
            ("train.threads", 0, "'auto' or 1 and more"),
            ("train.threads", "many", "'auto'"),
            ("train.precision", "float64", "'auto', 'float32', 'bfloat16' or 'float16'"),
            ("train.ema", 1.0, "less than 1"),
            ("train.class_weights", "auto", "'balanced'"),
            ("train.device", "", "at least 1 character"),
            ("model.name", 4, "valid string"),
            ("model.grad_checkpointing", "on", "'auto' or a valid boolean or a valid integer"),
            ("model.grad_checkpointing", -1, "greater than or equal to 0"),
            ("evaluate.threshold", 0, "a number between 0 and 1, 'balanced', 'fpr=0.01'"),
            ("evaluate.threshold", 1.0, "a number between 0 and 1, 'balanced', 'fpr=0.01'"),
            ("evaluate.threshold", "best", "a number between 0 and 1, 'balanced', 'fpr=0.01'"),
            ("evaluate.threshold", "fpr=x", "a number between 0 and 1, 'balanced', 'fpr=0.01'"),
            ("evaluate.threshold", "nan", "a number between 0 and 1, 'balanced', 'fpr=0.01'"),
            ("evaluate.threshold", True, "a number between 0 and 1, 'balanced', 'fpr=0.01'"),
            ("evaluate.threshold", "fpr=1", "with a rate between 0 and 1"),
            ("evaluate.threshold", "fpr=nan", "with a rate between 0 and 1"),
        ],
    )
    def test_a_bad_one_names_key_value_and_what_was_expected(
        self, key: str, value: object, words: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            parse_config(nest({key: value}), where=" in x.toml")

        message = str(caught.value)
        assert (key in message and repr(value) in message) or str(value) in message
        assert words in message
        assert message.endswith(" in x.toml") and "pydantic" not in message

    @pytest.mark.parametrize(
        ("given", "kept"),
        [(0.3, 0.3), ("0.3", 0.3), ("balanced", "balanced"), ("fpr=0.01", "fpr=0.01")],
    )
    def test_thresholds(self, given: object, kept: object) -> None:
        assert change(evaluate__threshold=given).evaluate.threshold == kept

    def test_whole_numbers_serve_where_fractions_do(self) -> None:
        assert change(optim__lr=1).optim.lr == 1.0

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"train.freeze_epochs": 15}, "nothing would ever be fine-tuned"),
            ({"optim.warmup_epochs": 15.0}, "the warm-up would never end"),
            (
                {"train.freeze_epochs": 1, "model.pretrained": False},
                "would train on random features",
            ),
        ],
    )
    def test_contradictions_are_refused(self, values: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words) as caught:
            parse_config(nest(values))

        assert all(key in str(caught.value) for key in values if key != "model.pretrained")

    def test_freezing_goes_with_a_weights_file(self) -> None:
        config = change(
            train__freeze_epochs=1, model__pretrained=False, model__weights_file="w.pth"
        )

        assert config.train.freeze_epochs == 1


class TestFrozen:
    def test_nothing_can_be_set(self) -> None:
        config = ExperimentConfig()
        with pytest.raises(ValidationError):
            config.optim.lr = 1.0
        with pytest.raises(ValidationError):
            config.optim = config.optim

        assert config == ExperimentConfig()

    def test_replacing_makes_another(self) -> None:
        config = ExperimentConfig()

        assert config.replace({"optim.lr": 0.5}).optim.lr == 0.5
        assert config.optim.lr == 1e-4

    def test_replacing_validates(self) -> None:
        with pytest.raises(ConfigError):
            change(optim__lr=-1)
        with pytest.raises(ConfigError):
            change(optim__rate=1)


class TestDigest:
    @pytest.mark.parametrize("key", [key for key, kind in KINDS.items() if kind == "recipe"])
    def test_every_recipe_key_decides_it(self, key: str) -> None:
        assert ExperimentConfig().replace({key: OTHER[key]}).recipe_digest() != DEFAULT_DIGEST

    @pytest.mark.parametrize("key", [key for key, kind in KINDS.items() if kind != "recipe"])
    def test_no_other_key_does(self, key: str) -> None:
        changed = ExperimentConfig().replace({key: OTHER[key]})

        assert changed != ExperimentConfig()
        assert changed.recipe_digest() == DEFAULT_DIGEST

    def test_is_pinned(self) -> None:
        """It is stored with every run: another canonical form makes all of them look different."""
        assert ExperimentConfig().recipe_digest() == DEFAULT_DIGEST

    def test_does_not_depend_on_how_a_number_was_written(self) -> None:
        assert change(optim__weight_decay=0).recipe_digest() == (
            change(optim__weight_decay=0.0).recipe_digest()
        )


DEFAULT_DIGEST = "sha256:b1c17d78350d36e7e3195041315299265bb6e1431dcdf08388cba67ccd18811b"

OTHER: dict[str, Any] = dict(
    {
        **dict.fromkeys(("data.root", "model.name", "model.weights_file"), "other"),
        "data.pin_memory": False,
        "data.limit": 7,
        "data.on_bad_image": "fail",
        "model.pretrained": False,
        "model.grad_checkpointing": True,
        "optim.schedule": "step",
        "train.device": "cpu",
        "train.threads": 3,
        "train.precision": "float32",
        "train.select_by": "auc",
        "train.class_weights": "balanced",
        "train.deterministic": True,
        "train.compile": True,
        "evaluate.threshold": "balanced",
        **{
            key: value + 1 for key, value in ExperimentConfig().flat().items() if type(value) is int
        },
        **{
            key: value / 2 + 0.01
            for key, value in ExperimentConfig().flat().items()
            if type(value) is float and key != "evaluate.threshold"
        },
    }.items()
)


class TestStoredForm:
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "data.limit": st.none() | st.integers(1, 10**9),
                "data.root": st.text(),
                "optim.lr": st.floats(1e-300, 1e300),
                "train.seed": st.integers(0, 2**63 - 1),
                "train.threads": st.just("auto") | st.integers(1, 512),
                "model.grad_checkpointing": st.sampled_from(["auto", True, False, 0, 1, 7]),
                "evaluate.threshold": st.sampled_from(["balanced", "fpr=0.05", 0.25]),
                "model.weights_file": st.none() | st.text(),
            },
        )
    )
    def test_comes_back_as_it_was(self, values: dict[str, Any]) -> None:
        config = ExperimentConfig().replace(values)
        back = load_config(dump_config(config), CONFIG_VERSION)

        assert repr(back) == repr(config)  # 1 is not true
        assert back.recipe_digest() == config.recipe_digest()

    def test_survives_a_file_name_that_is_no_text(self) -> None:
        """Bytes of a path that are not UTF-8 arrive as surrogates."""
        config = change(data__root="caf\udce9")

        assert load_config(dump_config(config), CONFIG_VERSION) == config

    def test_lacking_a_key_takes_its_default(self) -> None:
        """So a key may be added without another version."""
        tree = json.loads(dump_config(ExperimentConfig()))
        del tree["augment"]["noise"]

        assert load_config(json.dumps(tree), CONFIG_VERSION) == ExperimentConfig()

    def test_of_a_newer_version_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=f"has version {CONFIG_VERSION + 1}; this dfx") as e:
            load_config("{}", CONFIG_VERSION + 1)

        assert "upgrade" in (e.value.hint or "")
