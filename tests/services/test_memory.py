"""What is said and done about memory, with a card that is simulated by the bytes it has."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dfx.config import ExperimentConfig
from dfx.errors import ConfigError, TrainingFailed
from dfx.messages import Notice
from dfx.models.memory import StepMemory, is_out_of_memory
from dfx.models.network import create_module
from dfx.models.recompute import find_blocks
from dfx.services.machine import Machine
from dfx.services.memory import find_memory_failure, settle_memory

GIB = 2**30
CPU = torch.device("cpu")


def make_machine(name: str = "test_efficientnet", **changes: Any) -> Machine:
    config = ExperimentConfig().replace(
        {
            "model.name": name,
            "data.image_size": 64,
            "train.precision": "float32",
            **{key.replace("__", "."): value for key, value in changes.items()},
        }
    )
    return Machine(config, CPU, "float32")


def settle(
    machine: Machine,
    *,
    images: int = 2000,
    gibibytes: float | None,
    module: nn.Module | None = None,
) -> tuple[Machine, nn.Module, list[Notice]]:
    module = module or create_module(machine.config.model.name, image_size_px=64)
    notices: list[Notice] = []
    available = None if gibibytes is None else int(gibibytes * GIB)
    settled = settle_memory(machine, module, notices.append, images=images, available=available)
    return settled, module, notices


def recomputed(module: nn.Module) -> int:
    return sum("forward" in vars(block) for block in find_blocks(module))


def needed(machine: Machine, blocks: int, images: int = 2000) -> str:
    assert machine.memory is not None
    return f"{machine.memory.needed_bytes(images, blocks) / GIB:.1f} GiB"


class Plain(nn.Module):
    """Some blocks to timm's protocol, or none."""

    def __init__(self, *blocks: nn.Module, pattern: str | None = None) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(4, 2)
        self.pattern = pattern

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(self.first(images)).mean((2, 3)))
        return logits

    def group_matcher(self, coarse: bool) -> dict[str, Any]:
        return {"blocks": self.pattern} if self.pattern else {}


class WritesOver(nn.Sequential):
    """Writes over what it was given, which then cannot be computed with again."""

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = super().forward(images.mul_(2))
        return made


BLOCK = r"^blocks\.(\d+)"


class TestAuto:
    def test_a_processor_counts_nothing_and_recomputes_nothing(self) -> None:
        machine, module, notices = settle(make_machine(), gibibytes=None)

        assert machine.config.model.grad_checkpointing is False
        assert (recomputed(module), machine.memory, notices) == (0, None, [])

    def test_a_large_card_recomputes_nothing(self) -> None:
        machine, module, (notice,) = settle(make_machine(), gibibytes=24)

        assert machine.config.model.grad_checkpointing is False
        assert recomputed(module) == 0
        assert notice == Notice(f"memory: about {needed(machine, 0)} needed, 24.0 GiB free")

    def test_a_smaller_card_recomputes_as_little_as_will_do(self) -> None:
        machine, module, (notice,) = settle(make_machine(), gibibytes=2.5)

        assert machine.config.model.grad_checkpointing == recomputed(module) == 1
        assert machine.config.model.grad_checkpointing is not True
        assert notice == Notice(
            f"memory: about {needed(machine, 0)} needed, 2.5 GiB free, so the activations of 1 of 5"
            f" blocks are recomputed (same results, some time): about {needed(machine, 1)} needed"
        )

    def test_a_card_too_small_recomputes_what_helps_and_warns(self) -> None:
        """With the most images that would fit, and settings with as many per step."""
        machine, module, (notice,) = settle(
            make_machine(data__batch_size=2000, train__accumulate=2), gibibytes=1.0
        )
        assert machine.memory is not None
        largest = machine.memory.largest_batch(GIB)

        assert machine.config.model.grad_checkpointing == recomputed(module) == 2
        assert 500 < largest < 666
        assert notice == Notice(
            f"memory: about {needed(machine, 2)} needed, even with 2 of 5 blocks recomputed, but"
            " 1.0 GiB free; if it does not fit: --batch-size 500 --set train.accumulate=8"
            f" (at most {largest} at a time fit, with activations recomputed)",
            "warning",
        )

    def test_where_not_one_image_fits(self) -> None:
        _, _, (notice,) = settle(make_machine(), gibibytes=0.5)

        assert notice.level == "warning"
        assert notice.text.endswith(
            "smaller images or another network, since not even one of these would fit"
        )

    def test_a_network_without_blocks_is_counted_too(self) -> None:
        machine, _, (notice,) = settle(
            make_machine(), gibibytes=0.6, module=Plain(nn.Sequential(nn.ReLU()))
        )

        assert machine.config.model.grad_checkpointing is False
        assert notice.level == "warning"
        assert f"about {needed(machine, 0)} needed, but 0.6 GiB free" in notice.text
        assert "grad_checkpointing" not in notice.text

    def test_a_network_that_cannot_is_left_alone(self) -> None:
        module = Plain(*(WritesOver(*[nn.Softplus()] * 4) for _ in range(4)), pattern=BLOCK)
        machine, _, (refusal, notice) = settle(make_machine(), gibibytes=0.6, module=module)

        assert machine.config.model.grad_checkpointing is False
        assert recomputed(module) == 0
        assert "cannot recompute its activations: one of the variables" in refusal.text
        assert refusal.level == notice.level == "warning"
        assert "grad_checkpointing" not in notice.text

    def test_counting_leaves_no_trace(self) -> None:
        module = create_module("test_efficientnet", image_size_px=64, drop_rate=0.5)
        before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
        random = torch.get_rng_state()
        settle(make_machine(), gibibytes=2.5, module=module)

        assert all(tensor.equal(before[key]) for key, tensor in module.state_dict().items())
        assert torch.get_rng_state().equal(random)
        assert all(weight.grad is None for weight in module.parameters())


class TestTold:
    @pytest.mark.parametrize(
        ("wanted", "count", "recorded"),
        [(True, 5, True), (5, 5, True), (3, 3, 3), (0, 0, False), (False, 0, False)],
    )
    @pytest.mark.parametrize("gibibytes", [None, 24])
    def test_does_what_it_is_told(
        self, wanted: bool | int, count: int, recorded: bool | int, gibibytes: float | None
    ) -> None:
        machine, module, _ = settle(
            make_machine(model__grad_checkpointing=wanted), gibibytes=gibibytes
        )

        assert recomputed(module) == count
        assert machine.config.model.grad_checkpointing is recorded

    def test_says_what_it_costs(self) -> None:
        machine, _, (notice,) = settle(make_machine(model__grad_checkpointing=3), gibibytes=24)

        assert notice.text == (
            f"memory: about {needed(machine, 3)} needed, 3 of 5 blocks recomputed, 24.0 GiB free"
        )

    def test_warns_where_it_does_not_fit(self) -> None:
        machine, _, (notice,) = settle(make_machine(model__grad_checkpointing=False), gibibytes=1.0)

        assert notice.level == "warning"
        assert f"about {needed(machine, 0)} needed, but 1.0 GiB free" in notice.text
        assert "--set model.grad_checkpointing=auto, with the same results; or" in notice.text

    @pytest.mark.parametrize("wanted", [True, 2])
    def test_a_network_without_blocks_is_refused(self, wanted: bool | int) -> None:
        with pytest.raises(ConfigError, match="cannot recompute its activations: timm names no"):
            settle(
                make_machine(model__grad_checkpointing=wanted),
                gibibytes=None,
                module=Plain(nn.Sequential(nn.ReLU())),
            )

    def test_more_blocks_than_there_are(self) -> None:
        with pytest.raises(ConfigError, match="is 6, but test_efficientnet has 5 blocks"):
            settle(make_machine(model__grad_checkpointing=6), gibibytes=None)

    def test_a_network_that_cannot_is_refused(self) -> None:
        module = Plain(WritesOver(nn.Conv2d(4, 4, 1)), pattern=BLOCK)
        with pytest.raises(ConfigError, match=r"is true, but .+ cannot recompute") as caught:
            settle(make_machine(model__grad_checkpointing=True), gibibytes=None, module=module)

        assert caught.value.hint == "leave it off: --set model.grad_checkpointing=false"


class TestOutOfMemory:
    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory:"
                " you tried to allocate 2147483648 bytes. Error code 12 (Cannot allocate memory)"
            ),
            RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
            MemoryError(),
        ],
        ids=repr,
    )
    def test_its_many_words(self, error: BaseException) -> None:
        assert is_out_of_memory(error)

    @pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("out of memory")])
    def test_other_errors(self, error: BaseException) -> None:
        assert find_memory_failure(error, make_machine()) is None

    def test_says_what_is_used_and_what_helps_in_order(self) -> None:
        """First what leaves the results alone."""
        failure = find_memory_failure(MemoryError(), make_machine(), "dfx resume one/1")

        assert failure is not None
        pattern = (
            r"out of memory on cpu \(\d+\.\d GiB used of \d+\.\d GiB\) with batches of 32 at"
            r" 64 pixels in float32"
        )
        assert re.fullmatch(pattern, failure.message)
        assert failure.hint == (
            "recompute activations, with the same results: dfx resume one/1 --set"
            " model.grad_checkpointing=true; or start a new run: --batch-size 16"
            " --set train.accumulate=2"
        )

    def test_what_is_done_already_is_no_way_out(self) -> None:
        machine = make_machine(model__grad_checkpointing=True, train__accumulate=4)
        failure = find_memory_failure(MemoryError(), machine, "dfx resume one/1")

        assert failure is not None
        assert failure.hint == "start a new run: --batch-size 16 --set train.accumulate=8"

    def test_names_the_largest_batch_where_it_is_known(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From what was counted at start and what is free now."""
        monkeypatch.setattr("dfx.services.memory.available_bytes", lambda _device: 3 * GIB)
        memory = StepMemory(GIB // 2, (GIB // 4, GIB // 10), (GIB // 16,))
        machine = replace(make_machine(), memory=memory)
        failure = find_memory_failure(MemoryError(), machine, "dfx resume one/1")

        assert failure is not None
        assert failure.hint is not None
        assert failure.hint.endswith(
            "start a new run: --batch-size 16 --set train.accumulate=2 (at most 17 at a time fit,"
            " with activations recomputed)"
        )

    def test_of_several_processes_each_has_its_share(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """17 at a time fit here; 40 of 80 are to be split in three, as are those of the other."""
        monkeypatch.setattr("dfx.services.memory.available_bytes", lambda _device: 3 * GIB)
        memory = StepMemory(GIB // 2, (GIB // 4, GIB // 10), (GIB // 16,))
        machine = replace(make_machine(data__batch_size=80), memory=memory, images=40)
        failure = find_memory_failure(MemoryError(), machine)

        assert failure is not None
        assert "--batch-size 27 --set train.accumulate=3 (at most 17" in (failure.hint or "")

    def test_counting_that_does_not_fit_is_said_in_words(self) -> None:
        class Huge(Plain):
            def forward(self, images: Tensor) -> Tensor:
                raise torch.OutOfMemoryError("CUDA out of memory.")

        with pytest.raises(TrainingFailed, match="out of memory on cpu"):
            settle(make_machine(), gibibytes=1, module=Huge(nn.ReLU()))
