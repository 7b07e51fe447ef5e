"""Probabilities of logits, and the one forward pass."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from dfx.data.transforms import normalise
from dfx.evaluation.inference import Scores, forward, probabilities
from dfx.evaluation.precision import Precision
from dfx.records import Preprocessing

PREPROCESSING = Preprocessing(8)


class TestProbabilities:
    @given(
        st.lists(
            st.tuples(*[st.floats(-(2.0**120), 2.0**120, width=32)] * 2), min_size=1, max_size=20
        )
    )
    def test_are_in_range_for_any_logits(self, rows: list[tuple[float, float]]) -> None:
        """No overflow, no NaN, however large."""
        found = probabilities(np.array(rows, np.float32))

        assert np.all((found >= 0) & (found <= 1))
        assert found.dtype == np.float64

    @given(st.floats(-30, 30, width=32), st.floats(-30, 30, width=32), st.floats(0.05, 20))
    def test_are_the_softmax(self, real: float, fake: float, temperature: float) -> None:
        logits = np.array([[real, fake]], np.float32)
        expected = torch.tensor([[real, fake]], dtype=torch.float64).div(temperature).softmax(1)

        assert probabilities(logits, temperature)[0] == pytest.approx(float(expected[0, 1]))

    def test_at_the_ends(self) -> None:
        logits = np.array([[0, 1e38], [1e38, 0], [3, 3], [-1e38, 1e38]], np.float32)

        assert probabilities(logits).tolist() == [1.0, 0.0, 0.5, 1.0]

    def test_a_tiny_one_is_not_lost(self) -> None:
        """exp(-700) is far below float32's smallest number."""
        found = probabilities(np.array([[700, 0]], np.float32))

        assert found[0] == pytest.approx(math.exp(-700))

    def test_the_temperature_moves_none_across_the_half(self) -> None:
        logits = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
        scores = Scores(labels=np.zeros(100, int), logits=logits, indices=np.arange(100))

        assert ((scores.p_deepfake(0.05) >= 0.5) == (scores.p_deepfake(20) >= 0.5)).all()
        assert scores.p_deepfake().tolist() == probabilities(logits).tolist()


class Recorder(nn.Module):
    """Keeps what it was given, and the format it computes in."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 8 * 8, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        self.inputs = inputs
        logits: Tensor = self.layer(inputs.flatten(1))
        self.computed_in = logits.dtype
        return logits


class TestForward:
    @pytest.mark.parametrize(
        ("precision", "dtype"),
        [
            ("float32", torch.float32),
            ("bfloat16", torch.bfloat16),
            ("float16", torch.float16),
        ],
    )
    def test_computes_in_the_precision_and_gives_float32(
        self, precision: Precision, dtype: torch.dtype
    ) -> None:
        images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
        module = Recorder()
        logits = forward(module, images, preprocessing=PREPROCESSING, precision=precision)

        assert (logits.dtype, logits.shape) == (torch.float32, (4, 2))
        assert module.computed_in == dtype
        assert module.inputs.equal(normalise(images, PREPROCESSING))
        assert module.inputs.is_contiguous(memory_format=torch.channels_last)
