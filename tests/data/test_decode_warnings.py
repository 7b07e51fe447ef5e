"""The decoder is silent about odd files, and leaves everybody else's warnings alone."""

from __future__ import annotations

import io
import struct
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from dfx.data.decode import decode_image

from .test_decode import chunk, make_png


class TestWarnings:
    ODD = make_png(
        np.zeros((1, 1), np.uint16), colour=0, extra=chunk(b"acTL", struct.pack(">II", 0, 0))
    )
    """Says that it is animated, with no frames."""

    def test_pillow_does_warn_of_this_file(self) -> None:
        with pytest.warns(UserWarning, match="Invalid APNG"):
            Image.open(io.BytesIO(self.ODD)).load()

    def test_none_comes_from_threads_and_the_filters_stay(self) -> None:
        """Silencing in several threads at once neither leaks nor outlasts the decoding."""
        before = list(warnings.filters)
        problems: list[Exception] = []

        def work() -> None:
            for _ in range(60):
                try:
                    decode_image(self.ODD)
                except Warning as problem:
                    problems.append(problem)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert problems == []
        assert list(warnings.filters) == before
