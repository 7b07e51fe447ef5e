"""`dfx export` of weights: what it says, what it refuses, and that what it writes judges alike."""

from __future__ import annotations

import ast
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scored_home import train_run

from dfx.data.decode import decode_image
from dfx.data.transforms import prepare
from dfx.evaluation.inference import forward, probabilities
from dfx.models.weights import load_weights

from .conftest import Command  # type: ignore[import-not-found]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home `runs/` and a file `best.pt`, only to be read."""
    folder = tmp_path_factory.mktemp("trained")
    train_run(folder)
    [best] = (folder / "runs").glob("small/1/**/best-*.pt")
    shutil.copy(best, folder / "best.pt")
    return folder


@pytest.fixture
def image(folder: Path) -> Path:
    """A photograph that was taken upright: neither square, nor stored as it is seen."""
    pixels = np.random.default_rng(5).integers(0, 256, (48, 73, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = 6  # orientation: turned to the right
    picture.save(folder / "img.png", exif=exif)
    return folder / "img.png"


def judge(weights_file: Path, image: Path) -> float:
    """p_deepfake by dfx itself, in float32."""
    weights = load_weights(weights_file)
    with torch.inference_mode():
        logits = forward(
            weights.build(),
            prepare(decode_image(image), weights.preprocessing.image_size_px)[None],
            preprocessing=weights.preprocessing,
            precision="float32",
        )
    return float(probabilities(logits.numpy(), weights.temperature)[0])


def read_example(text: str, marker: str) -> str:
    """The fenced block of Python that follows on a marker."""
    [code] = re.findall(re.escape(marker) + r"\n+```python\n(.*?)```", text, re.DOTALL)
    return str(code)


def test_onnx_file_judges_by_the_example_of_the_readme(
    trained: Path,
    dfx: Command,
    folder: Path,
    image: Path,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ten lines that need neither dfx nor torch. What was picked and checked is told."""
    outcome = dfx("export", "best", "detector.onnx", "--to", "onnx", "--home", trained / "runs")
    readme = (pytestconfig.rootpath / "README.md").read_text()
    example = read_example(readme, "<!-- onnx example -->")
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(example))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }

    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout == ""
    epoch = load_weights(trained / "best.pt").epoch
    picked, written = outcome.stderr.splitlines()
    reason = r"best validation accuracy \(0\.\d{4}\) of the only run"
    assert re.fullmatch(rf"Exporting small/1, epoch {epoch}: {reason}", picked)
    assert re.fullmatch(
        rf"{folder / 'detector.onnx'}: 0\.4 MB, checked: in onnxruntime p_deepfake is that of torch"
        r" within \d\.\de-\d\d",
        written,
    )
    assert [path.name for path in folder.iterdir() if path != image] == ["detector.onnx"]

    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    said, wanted = capsys.readouterr().out, judge(trained / "best.pt", image)

    assert names["p_deepfake"] == pytest.approx(wanted, abs=1e-4)
    assert 0.01 < wanted < 0.99
    label = "Deepfake" if wanted >= load_weights(trained / "best.pt").threshold else "Real"
    assert said.startswith(f"{label} 0.")
    assert len(example.replace("\n\n", "\n").splitlines()) == 10
    assert imported == {"json", "numpy", "onnxruntime", "PIL"}


def test_folder_judges_by_the_example_of_its_card(
    trained: Path,
    dfx: Command,
    image: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the run's own words in the card."""
    outcome = dfx(
        "export", "small/1", "made/detector", "--to", "safetensors", "--home", trained / "runs"
    )
    detector = folder / "made" / "detector"
    card = (detector / "README.md").read_text()

    assert outcome.code == 0, outcome.stderr
    assert outcome.stderr.splitlines()[0].endswith(": as asked for")
    assert "timm prepares images alike and gives the same logits\n" in outcome.stderr
    assert sorted(path.name for path in detector.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert "| validation | 24 | 24 | 0 |" in card
    assert "Not measured on a test split: `dfx evaluate small/1 --split test`." in card
    assert str(trained) not in card

    shutil.copy(image, detector)
    monkeypatch.chdir(detector)
    names: dict[str, object] = {}
    marker = "With timm 1.0.16 or newer, in this folder:"
    exec(compile(read_example(card, marker), "README.md", "exec"), names)
    wanted = judge(trained / "best.pt", image)

    assert names["p_deepfake"] == pytest.approx(wanted, abs=1e-5)
    assert capsys.readouterr().out.endswith(f" {wanted:.4f}\n")


def test_a_file_by_itself_is_exported_where_there_is_no_home(
    trained: Path, dfx: Command, folder: Path
) -> None:
    shutil.copy(trained / "best.pt", folder)
    outcome = dfx("export", "best.pt", "detector", "--to", "safetensors")
    config = json.loads((folder / "detector" / "config.json").read_text())

    assert outcome.code == 0, outcome.stderr
    assert re.search(r"^Exporting small/1, epoch \d: best\.pt$", outcome.stderr, re.MULTILINE)
    assert config["dfx"]["threshold"] == load_weights(trained / "best.pt").threshold
    assert "not known from the weights file alone" in (folder / "detector/README.md").read_text()
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (
            ["runs", "new", "--to", "safetensors"],
            2,
            "--to safetensors is for weights, and runs means the record; expected a run or",
            "dfx export best detector --to safetensors; the record goes --to csv, json, parquet",
        ),
        (
            ["best", "new"],
            2,
            "'best' means weights, and --to does not say in which format; expected onnx or safe",
            "dfx export best new --to onnx (a file), or --to safetensors (a folder); the record",
        ),
        (
            ["b4/2", "my new.onnx"],
            2,
            "'b4/2' means weights, and --to does not say in which format",
            "dfx export b4/2 'my new.onnx' --to onnx\n",
        ),
        (
            ["mine.pt", "new", "--to", "parquet"],
            2,
            "--to parquet is for the record, and 'mine.pt' means weights; expected onnx or safe",
            "dfx export runs DIR --to parquet writes the record of all runs",
        ),
        (
            ["best", "full", "--to", "onnx"],
            2,
            "full is a folder; expected a new file",
            "name a file in it, as full/detector.onnx",
        ),
        (
            ["best", "full/file", "--to", "onnx"],
            2,
            "full/file is there already; expected a new file",
            "name another file, or remove this one first",
        ),
        (
            ["best", "full", "--to", "safetensors"],
            2,
            "full holds something already; expected a new or empty folder",
            "name another folder",
        ),
        (
            ["gone.pt", "new", "--to", "onnx"],
            2,
            "weights file 'gone.pt' does not exist",
            "check the path",
        ),
        (
            ["full/file", "new", "--to", "onnx"],
            2,
            "full/file cannot be read as weights",
            "expected a file written by torch.save",
        ),
        (["small", "new", "--to", "onnx"], 3, "there are no runs in", "start one with"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_refusals(
    arguments: list[str], code: int, message: str, hint: str, dfx: Command, folder: Path
) -> None:
    """Nothing is made, and what is there stays."""
    (folder / "full").mkdir()
    (folder / "full" / "file").write_text("mine")
    outcome = dfx("export", *arguments)

    assert outcome.code == code, outcome.stderr
    assert message in outcome.stderr
    assert f"hint: {hint}" in outcome.stderr
    assert sorted(path.name for path in folder.rglob("*")) == ["file", "full"]
    assert (folder / "full" / "file").read_text() == "mine"


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_missing_package_is_named_with_the_command_that_installs_it(
    package: str, dfx: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is looked at: there is no home here either."""
    monkeypatch.setitem(sys.modules, package, None)  # as Python marks what cannot be imported
    outcome = dfx("export", "best", "new/detector.onnx", "--to", "onnx")

    assert outcome.code == 2
    assert f"--to onnx needs the package '{package}', which is not installed" in outcome.stderr
    assert "hint: pip install 'dfx[onnx]'" in outcome.stderr
    assert list(folder.iterdir()) == []
