"""The device that was asked for, or words that say what to do.

Whether there is a card is pretended here, so that these hold on a machine with and without one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from dfx.errors import ConfigError, DeviceError
from dfx.models.device import describe_device, own_device, resolve_device


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose torch sees no card; an empty folder is all of its PATH."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def unused_card(no_card: Path) -> Path:
    """The same with a driver that knows of a card."""
    return write_program(no_card, "echo 'GPU 0: NVIDIA GeForce RTX 4070 Ti (UUID: GPU-1234)'")


def write_program(folder: Path, *lines: str) -> Path:
    program = folder / "nvidia-smi"
    program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    program.chmod(0o755)
    return program


has_driver = Path("/proc/driver/nvidia/version").is_file() or Path("/usr/lib/wsl/lib").is_dir()


class TestWords:
    @pytest.mark.parametrize("wanted", ["gpu", "cuda:", "cuda:x", "CPU", "cuda:-1", "cpu:0", ""])
    def test_others_are_refused(self, wanted: str) -> None:
        with pytest.raises(ConfigError, match="expected auto, cuda, cuda:N, mps or cpu"):
            resolve_device(wanted)


class TestWithoutACard:
    @pytest.mark.skipif(has_driver, reason="this machine has an NVIDIA driver")
    def test_auto_is_the_processor(self, no_card: Path) -> None:
        assert resolve_device("auto") == torch.device("cpu")

    @pytest.mark.skipif(has_driver, reason="this machine has an NVIDIA driver")
    @pytest.mark.parametrize("wanted", ["cuda", "cuda:1"])
    def test_cuda_is_an_error(self, wanted: str, no_card: Path) -> None:
        with pytest.raises(DeviceError, match=f"'{wanted}', but no CUDA card was found") as caught:
            resolve_device(wanted)

        assert "--device cpu" in (caught.value.hint or "")
        assert caught.value.exit_code == 2

    def test_mps_is_an_error(self, no_card: Path) -> None:
        with pytest.raises(DeviceError, match="finds no Apple GPU"):
            resolve_device("mps")


class TestWithACardThatTorchCannotUse:
    @pytest.mark.parametrize("wanted", ["auto", "cuda", "cuda:0"])
    def test_training_refuses_with_the_install_line(self, wanted: str, unused_card: Path) -> None:
        """A night on the processor is nobody's wish."""
        with pytest.raises(DeviceError) as caught:
            resolve_device(wanted)

        assert str(caught.value) == (
            "NVIDIA GeForce RTX 4070 Ti is there, but this torch"
            f" ({torch.__version__}) cannot use it"
        )
        assert "pip install --force-reinstall torch torchvision" in (caught.value.hint or "")
        assert "--device cpu" in (caught.value.hint or "")
        assert caught.value.exit_code == 2

    def test_the_processor_is_there_for_who_insists(self, unused_card: Path) -> None:
        assert resolve_device("cpu") == torch.device("cpu")

    @pytest.mark.parametrize("visible", ["", "-1"])
    def test_one_that_was_hidden_on_purpose_does_not_count(
        self, visible: str, unused_card: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`CUDA_VISIBLE_DEVICES=` says that no card is to be used; torch is not to blame."""
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

        assert resolve_device("auto") == torch.device("cpu")
        with pytest.raises(DeviceError, match="no CUDA card was found"):
            resolve_device("cuda")

    @pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
    @pytest.mark.parametrize(
        "line",
        ["echo 'No devices were found'", "echo 'NVIDIA-SMI has failed' >&2; exit 9", "exit 6"],
    )
    def test_a_driver_without_a_card_is_none(self, line: str, no_card: Path) -> None:
        write_program(no_card, line)

        assert resolve_device("auto") == torch.device("cpu")

    def test_a_driver_program_that_does_not_start_is_none(self, no_card: Path) -> None:
        program = write_program(no_card, "exit")
        program.write_bytes(b"\0not a program")

        assert resolve_device("auto") == torch.device("cpu")


def test_a_description_of_the_processor() -> None:
    expected = f"cpu ({torch.get_num_threads()} threads)"

    assert describe_device(torch.device("cpu")) == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
class TestWithACard:
    def test_auto_and_cuda_are_the_first(self) -> None:
        assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda", 0)
        assert "GiB" in describe_device(torch.device("cuda", 0))

    def test_a_number_too_high_names_the_last(self) -> None:
        with pytest.raises(DeviceError, match="'cuda:99', but this machine has") as caught:
            resolve_device("cuda:99")

        assert "the last one is cuda:" in (caught.value.hint or "")


class TestOwnDevice:
    def test_each_process_has_a_card_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        first = torch.device("cuda", 0)

        assert [own_device(first, rank, 2).index for rank in (0, 1)] == [0, 1]

    def test_more_processes_than_cards_are_refused_by_all(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By the first too, before anything is recorded."""
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

        with pytest.raises(DeviceError, match="3 processes of this machine need a card each"):
            own_device(torch.device("cuda", 0), 0, 3)

    def test_a_card_by_number_is_refused(self) -> None:
        with pytest.raises(DeviceError, match="each takes a card of its own"):
            own_device(torch.device("cuda", 1), 0, 2)

    def test_an_apple_gpu_is_refused(self) -> None:
        with pytest.raises(DeviceError, match="cannot train together on an Apple GPU"):
            own_device(torch.device("mps"), 0, 2)

    def test_a_processor_is_shared(self) -> None:
        assert own_device(torch.device("cpu"), 1, 2) == torch.device("cpu")
