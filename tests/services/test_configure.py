"""From defaults, file, `--set` and flags to one configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfx.config import ExperimentConfig
from dfx.errors import ConfigError
from dfx.services.configure import check_name, configure, parse_settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "mine") -> None:
    Path("experiments").mkdir(exist_ok=True)
    Path(f"experiments/{name}.toml").write_text(text)


def test_each_source_goes_over_the_one_before() -> None:
    """Default, then file, then --set, then flag."""
    write("[optim]\nlr = 0.1\nweight_decay = 0.1\nstep_gamma = 0.5\n")
    configured = configure(
        "mine",
        settings=["optim.lr=0.2", "optim.weight_decay=0.2"],
        flags={"optim.lr": ("--lr", 0.3), "train.epochs": ("--epochs", None)},
    )
    keys = {key.key: (key.value, key.source) for key in configured.list_keys()}

    assert keys["optim.lr"] == (0.3, "--lr")
    assert keys["optim.weight_decay"] == (0.2, "--set")
    assert keys["optim.step_gamma"] == (0.5, "experiments/mine.toml")
    assert keys["train.epochs"] == (ExperimentConfig().train.epochs, "default")


def test_working_folder_goes_over_the_package() -> None:
    write("[train]\nseed = 5\n", "b4-baseline")

    assert configure("b4-baseline").config.train.seed == 5


def test_packages_own_file_is_found_from_anywhere() -> None:
    configured = configure("b4-frozen-warmup")

    assert configured.config.train.freeze_epochs > 0
    assert configured.notice is None


def test_file_names_the_experiment() -> None:
    Path("other.toml").write_text("")

    assert configure(None, file=Path("other.toml")).name == "other"


def test_without_name_and_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no experiment was named"):
        configure(None)


@pytest.mark.parametrize("name", ["b4-basline", "b4-baselin", "b4-basleine", "b4-frozen-warmp"])
def test_slip_of_the_finger_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="almost the same name"):
        configure(name)


@pytest.mark.parametrize("name", ["b4-baseline2", "b4-small", "x", "resnet"])
def test_new_name_takes_the_defaults_and_says_so(name: str) -> None:
    configured = configure(name)

    assert configured.config == ExperimentConfig()
    assert "using the defaults" in (configured.notice or "")


def test_slip_can_be_meant() -> None:
    Path("recipe.toml").write_text("")

    assert configure("b4-basline", file=Path("recipe.toml")).name == "b4-basline"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 0.001),
        ("true", True),
        ("False", False),
        ("none", None),
        ("abc", "abc"),
        ('"7"', "7"),
        ("a b", "a b"),
        ("x=y", "x=y"),
    ],
)
def test_setting_values(text: str, value: object) -> None:
    assert parse_settings([f"model.name={text}"]) == {"model.name": value}


@pytest.mark.parametrize("name", ["b4-baseline", "a", "B4.v2_x", "2nd", "bestish", "latest1"])
def test_good_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("text", ["[optim]\nlr = ", "optim = 3", "[optims]\nlr = 1", "lr = 1"])
def test_bad_files_name_themselves(text: str) -> None:
    write(text)

    with pytest.raises(ConfigError, match=r"experiments/mine\.toml"):
        configure("mine")


def test_digest_depends_on_the_recipe_alone() -> None:
    """Changing it would change the digest of every stored run."""
    config = ExperimentConfig()
    machine = config.replace({"data.workers": 9, "train.device": "cpu", "train.epochs": 99})

    assert config.recipe_digest() == machine.recipe_digest()
    assert config.recipe_digest() != config.replace({"train.seed": 1}).recipe_digest()
