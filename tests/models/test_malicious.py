"""Weights that would run code are refused, and the code is not run."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dfx.errors import WeightsError
from dfx.models.weights import load_weights


class Payload:
    """What runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._command = f"touch {mark}"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self._command,)


class Expression(Payload):
    """As above, by a builtin."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"__import__('os').system({self._command!r})",)


def _pickled(protocol: int) -> Callable[[Path, Any], None]:
    return lambda path, content: path.write_bytes(pickle.dumps(content, protocol)) and None


def _legacy(path: Path, content: Any) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def _archive(path: Path, content: Any) -> None:
    """The form of torch before 0.1.10."""
    data = pickle.dumps(content)
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


WRITERS: dict[str, Callable[[Path, Any], None]] = {
    "torch.save": lambda path, content: torch.save(content, path),
    "torch.save, legacy": _legacy,
    "tar": _archive,
    **{f"pickle, protocol {number}": _pickled(number) for number in range(6)},
}


@pytest.mark.parametrize("payload", [Payload, Expression])
@pytest.mark.parametrize("name", WRITERS)
def test_is_refused_and_not_run(name: str, payload: type[Payload], tmp_path: Path) -> None:
    mark, path = tmp_path / "it-ran", tmp_path / "best.pt"
    WRITERS[name](path, {"format": "dfx-weights", "version": 1, "state": payload(mark)})

    with pytest.raises(WeightsError, match=r"best\.pt") as caught:
        load_weights(path)

    assert "nothing in it was run" in f"{caught.value.message} {caught.value.hint}"
    assert not mark.exists()


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "tar"])
def test_the_files_are_dangerous(name: str, tmp_path: Path) -> None:
    """Loaded the way torch's own message advises, they run: the test above would notice."""
    mark, path = tmp_path / "it-ran", tmp_path / "best.pt"
    WRITERS[name](path, {"state": Payload(mark)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name.startswith("pickle"):
            pickle.loads(path.read_bytes())
        else:
            torch.load(path, weights_only=False)

    assert mark.exists()


def test_what_it_asks_for_is_named(tmp_path: Path) -> None:
    torch.save({"state": Payload(tmp_path / "it-ran")}, tmp_path / "w.pt")

    with pytest.raises(WeightsError, match=r"asks for (posix|nt)\.system to be called"):
        load_weights(tmp_path / "w.pt")


def test_a_whole_network_is_refused_and_told_how(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")

    with pytest.raises(WeightsError, match=r"torch\.nn\.modules\.linear\.Linear") as caught:
        load_weights(tmp_path / "w.pt")

    assert "model.state_dict()" in (caught.value.hint or "")
