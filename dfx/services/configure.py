"""From defaults, a file, `--set` and flags to one configuration, and where each value came from."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dfx
from dfx.config import ExperimentConfig, check_key, check_tree, nest, parse_config
from dfx.errors import ConfigError
from dfx.records.settings import ResolvedKey

_RESERVED = ("best", "latest")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration and its history.

    Attributes:
        name: Of the experiment.
        config: Validated; what the machine decides is still open.
        sources: Where each value came from, by dotted key; `default` where it is not in here.
        notice: What the person should know before anything starts, or None.
    """

    name: str
    config: ExperimentConfig
    sources: Mapping[str, str]
    notice: str | None = None

    def list_keys(self) -> list[ResolvedKey]:
        """Every value with its source, in the configuration's order."""
        return [
            ResolvedKey(key, value, self.sources.get(key, "default"))
            for key, value in self.config.flat().items()
        ]


def configure(
    name: str | None,
    *,
    file: Path | None = None,
    settings: Sequence[str] = (),
    flags: Mapping[str, tuple[str, Any]] | None = None,
) -> Configuration:
    """Puts a configuration together: defaults, then the file, then `--set`, then the short flags.

    Args:
        name: Of the experiment; the file's stem where it is None.
        file: The configuration file; None looks for `experiments/NAME.toml` in the working folder,
            then inside the package.
        settings: Each `section.key=value`, the value written as in TOML; quotes may be left out.
        flags: By dotted key, the flag as typed and its value; None values are passed over.

    Raises:
        ConfigError: For a bad name, file, key or value.
    """
    if name is None:
        if file is None:
            raise ConfigError("no experiment was named", hint="add --name, such as b4-baseline")
        name = file.stem
    check_name(name)
    notice = None
    path = file or find_file(name)
    flat: dict[str, Any] = {}
    sources: dict[str, str] = {}
    if path is None:
        notice = _explain_defaults(name)
    else:
        for key, value in read_file(path).items():
            flat[key], sources[key] = value, str(path)
    for key, value in parse_settings(settings).items():
        flat[key], sources[key] = value, "--set"
    for key, (flag, value) in (flags or {}).items():
        if value is not None:
            flat[key], sources[key] = value, flag
    return Configuration(name, parse_config(nest(flat)), sources, notice)


def check_name(name: str) -> None:
    """Accepts the name of an experiment.

    Raises:
        ConfigError: Saying what names are made of.
    """
    rule = "letters, digits, '.', '_' and '-', beginning with a letter or digit"
    reason = None
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or len(name) > 100:
        reason = f"expected at most 100 {rule}"
    elif name.isdecimal():
        reason = "digits alone are the short id of a run"
    elif name.lower() in _RESERVED:
        reason = "it means a run to every command"
    elif name.lower().startswith("dfx.db"):
        reason = "the database is called so"
    if reason:
        raise ConfigError(
            f"{name!r} cannot name an experiment: {reason}", hint=f"use {rule}: b4-baseline"
        )


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Values by dotted key from `section.key=value` words.

    Raises:
        ConfigError: For a word without `=` or an unknown key.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting!r} has no '='", hint="write --set section.key=value")
        check_key(key.strip())
        values[key.strip()] = _parse_value(text.strip())
    return values


def read_file(path: Path) -> dict[str, Any]:
    """Values by dotted key from a TOML file.

    Raises:
        ConfigError: Where it cannot be read, or holds what no configuration has.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"configuration file {str(path)!r}: {error.strerror or error}",
            hint="check the path given to --config",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {str(path)!r} is not TOML: {error}") from None
    check_tree(tree, where=f" in {path}")
    return {
        f"{section}.{key}": value
        for section, values in tree.items()
        for key, value in values.items()
    }


def find_file(name: str) -> Path | None:
    """The configuration file of an experiment, or None."""
    return next((path for path in _list_files() if path.stem == name), None)


def _list_files() -> list[Path]:
    package = Path(dfx.__file__).parent
    shipped = package / "_experiments"
    if not shipped.is_dir():
        shipped = package.parent / "experiments"
    return [*sorted(Path("experiments").glob("*.toml")), *sorted(shipped.glob("*.toml"))]


def _explain_defaults(name: str) -> str:
    """What to say where no file has the name.

    Raises:
        ConfigError: Where the name looks like a slip of the finger: a night of training with the
            wrong recipe costs more than a question.
    """
    known = list(dict.fromkeys(path.stem for path in _list_files()))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    if not near:
        return f"no experiments/{name}.toml: using the defaults, the reference recipe"
    is_close = difflib.SequenceMatcher(None, name, near[0]).ratio() >= 0.85
    if is_close and not name.startswith(near[0]):
        raise ConfigError(
            f"there is no experiments/{name}.toml, but there is one of almost the same name:"
            f" {near[0]!r}",
            hint=f"did you mean --name {near[0]}? To keep the name, say which recipe with"
            " --config FILE",
        )
    return (
        f"no experiments/{name}.toml: using the defaults, the reference recipe"
        f" (nearest existing: {near[0]})"
    )


def _parse_value(text: str) -> Any:
    if text.lower() in {"none", "null"}:
        return None
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
