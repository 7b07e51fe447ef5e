"""A compiled network: the same run after an interruption."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dfx.evaluation.inference import forward
from dfx.models.compilation import compile_network
from dfx.models.recompute import set_recomputed
from dfx.training.state import TrainingState

from .loop_samples import CPU, PREPROCESSING, SIZE, Loaders, make_recipe, run, scored

needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")


class Network(nn.Module):
    """A block with batch norm and dropout, and a last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2)
            )
        )
        self.head = nn.Linear(8, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(images).mean((2, 3)))
        return logits

    def get_classifier(self) -> nn.Module:
        return self.head

    def group_matcher(self, coarse: bool) -> dict[str, Any]:
        return {"blocks": r"^blocks\.(\d+)"}


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of its own for what is compiled, and nothing compiled before and after."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield
        torch.compiler.reset()


def make_compiled(*, recomputed: int) -> TrainingState:
    """As a new process would have it."""
    torch.compiler.reset()
    torch._dynamo.utils.counters.clear()
    torch.manual_seed(0)
    module = Network().train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    set_recomputed(module, recomputed)

    def loss() -> Tensor:
        images = torch.zeros(8, 3, SIZE, SIZE, dtype=torch.uint8)
        logits = forward(module, images, preprocessing=PREPROCESSING, precision="float32")
        return logits.square().sum()

    before = copy.deepcopy(module.state_dict())
    assert compile_network(module, loss) is None
    assert all(tensor.equal(before[key]) for key, tensor in module.state_dict().items())
    return TrainingState(module, device=CPU, precision="float32", weight_decay=0.01, ema_decay=0.9)


@needs_compiler
@pytest.mark.parametrize("recomputed", [0, 1])
def test_interrupted_is_the_uninterrupted_run(
    compiler: None, loaders: Loaders, recomputed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """To the bit, with batch norm and dropout; and the compiler says nothing meanwhile.

    The step that was tried is the step that is trained by: nothing else is compiled.
    """
    whole = make_compiled(recomputed=recomputed)
    epochs = scored(run(whole, loaders, make_recipe()))
    stopped = make_compiled(recomputed=recomputed)
    list(run(stopped, loaders, make_recipe(), lambda: stopped.step == 3))
    resumed = make_compiled(recomputed=recomputed)
    resumed.load(copy.deepcopy(stopped.dump()))
    rest = scored(run(resumed, loaders, make_recipe()))

    assert [e.train_loss for e in epochs] == [e.train_loss for e in rest]
    for one, other in (
        (whole.module, resumed.module),
        (whole.scored_module, resumed.scored_module),
    ):
        state = other.state_dict()
        assert all(tensor.equal(state[key]) for key, tensor in one.state_dict().items())
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert whole.module.state_dict()["blocks.0.1.num_batches_tracked"] == 8
    assert whole.module._compiled_call_impl is not None
    assert whole.scored_module._compiled_call_impl is None
    assert capfd.readouterr().err == ""


def test_a_network_that_fails_by_itself_is_no_matter_of_the_compiler() -> None:
    module = nn.Linear(2, 2)

    def fail() -> Tensor:
        raise RuntimeError("its own fault")

    with pytest.raises(RuntimeError, match="its own fault"):
        compile_network(module, fail)

    assert module._compiled_call_impl is None
