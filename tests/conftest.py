"""Options of the whole test suite, and what many of its tests look at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Tests are imported by path, so what those of several rooms share must be found by name.
sys.path.insert(0, str(Path(__file__).parent))

# As `dfx.cli.app.main` does, here before torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# What is set outside is for the store's own tests (`tests/tracking/conftest.py`): neither dfx here
# nor a process that a test starts may record in someone's home or server. Workers start after this.
os.environ.pop("DFX_HOME", None)
if "DFX_DATABASE_URL" in os.environ:
    os.environ["DFX_TEST_DATABASE_URL"] = os.environ.pop("DFX_DATABASE_URL")

TINY = (
    *("--arch", "test_efficientnet", "--no-pretrained", "--device", "cpu", "--batch-size", "8"),
    *("--set", "data.image_size=40", "--set", "data.workers=0"),
)
"""Options of `dfx run` for a network of 100,000 parameters on small images."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the flag that keeps what is rendered now as what is expected."""
    parser.addoption("--rewrite-goldens", action="store_true", help="rewrite the golden outputs")


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that a tiny network learns at once: deepfakes are stripes, real ones noise."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 8), ("test", 4)):
        for class_name in ("real", "deepfake"):
            (folder / split / class_name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
                if class_name == "deepfake":
                    pixels[:, ::2] //= 4
                image = Image.fromarray(pixels)
                image.save(folder / split / class_name / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def trained_folder(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder whose `runs/` holds a completed run, `trained/1`. Only to be read."""
    folder = tmp_path_factory.mktemp("work")
    command = [sys.executable, "-m", "dfx", "run", "--name", "trained", *TINY]
    done = subprocess.run(
        [*command, "--data", str(faces), "--epochs", "2", "--lr", "3e-3"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder
