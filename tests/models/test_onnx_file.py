"""An ONNX file says what torch says, tells how to prepare an image, and nothing of this machine."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from dfx import __version__
from dfx.errors import WeightsError
from dfx.models import onnx_file
from dfx.models.onnx_file import write_onnx

sys.path.insert(0, str(Path(__file__).parent))

from portable_samples import MEAN, STD, make_weights


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of `make_weights()`."""
    path = tmp_path_factory.mktemp("onnx") / "detector.onnx"
    write_onnx(make_weights(), path)
    return path


@pytest.fixture(scope="module")
def session(written: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_images_is_judged_as_by_torch(
    count: int, session: onnxruntime.InferenceSession
) -> None:
    """Logits as they are, p_deepfake at the temperature that the weights carry."""
    images = torch.randn(count, 3, 40, 40, generator=torch.Generator().manual_seed(count))
    with torch.inference_mode():
        wanted = make_weights().build()(images)
    logits, p_deepfake = session.run(None, {"images": images.numpy()})

    assert logits.shape == (count, 2) and p_deepfake.shape == (count,)
    assert logits == pytest.approx(wanted.numpy(), abs=1e-4)
    assert p_deepfake == pytest.approx((wanted / 1.7).softmax(1)[:, 1].numpy(), abs=1e-6)
    assert p_deepfake.min() > 0.01 and p_deepfake.max() < 0.99  # where it could differ


def test_inputs_and_outputs_are_named(session: onnxruntime.InferenceSession) -> None:
    [images], outputs = session.get_inputs(), session.get_outputs()

    assert (images.name, images.type, images.shape) == (
        "images",
        "tensor(float)",
        ["batch", 3, 40, 40],
    )
    assert [(each.name, each.type, each.shape) for each in outputs] == [
        ("logits", "tensor(float)", ["batch", 2]),
        ("p_deepfake", "tensor(float)", ["batch"]),
    ]


def test_metadata_are_all_that_is_needed(session: onnxruntime.InferenceSession) -> None:
    """Texts as they are, everything else in JSON with every digit."""
    found = session.get_modelmeta().custom_metadata_map
    texts = ("format", "run", "run_uuid", "architecture", "dfx_version", "resize")

    assert {key: found.pop(key) for key in texts} == {
        "format": "dfx-onnx",
        "run": "b4/2",
        "run_uuid": "01234567-89ab-cdef-0123-456789abcdef",
        "architecture": "test_efficientnet",
        "dfx_version": __version__,
        "resize": "the whole image to image_size_px × image_size_px, bicubic, antialiased",
    }
    assert {key: json.loads(value) for key, value in found.items()} == {
        "version": 1,
        "class_names": ["real", "deepfake"],
        "image_size_px": 40,
        "scale": 1 / 255,
        "mean": list(MEAN),
        "std": list(STD),
        "threshold": 0.4321987654321,
        "temperature": 1.7,
        "epoch": 3,
    }


def test_nothing_in_it_tells_where_it_was_made(written: Path) -> None:
    """The exporter notes the line of code and its folder at every step."""
    content = written.read_bytes()
    model = onnx.load(written)

    for place in (Path.home(), Path(torch.__file__).parents[1], Path(onnx_file.__file__).parent):
        assert str(place).encode() not in content
    assert b".py" not in content
    assert not any(node.metadata_props for node in model.graph.node)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take UTF-8 alone")
def test_the_file_may_have_any_name(written: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.onnx")
    write_onnx(make_weights(), path)

    assert path.read_bytes() == written.read_bytes()


def test_attention_is_exported_too(tmp_path: Path) -> None:
    """Of an architecture that is built for one size of input."""
    weights = make_weights("test_vit", 64)

    assert write_onnx(weights, tmp_path / "vit.onnx") <= 1e-5


def test_the_exporter_is_silent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Also where it fails, which it would print the graph for; afterwards others are heard."""
    with (
        warnings.catch_warnings(record=True) as warned,
        caplog.at_level(logging.INFO),
        pytest.raises(WeightsError),
    ):
        write_onnx(make_weights("undecided"), tmp_path / "out.onnx")

    assert capfd.readouterr() == ("", "")
    # A compiler that was at work in this process before writes there whatever it does.
    said = [record for record in caplog.records if record.name != "torch.__trace"]
    assert (warned, said) == ([], [])
    assert logging.root.manager.disable == logging.NOTSET


def test_an_architecture_without_a_graph_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        write_onnx(make_weights("undecided"), tmp_path / "out.onnx")

    message = caught.value.message
    assert message.startswith(
        f"timm's undecided cannot be written as ONNX by torch {torch.__version__}: "
    )
    assert "data-dependent" in message and "\n" not in message and "\x1b" not in message
    assert caught.value.hint == "--to safetensors writes any architecture"


@pytest.mark.parametrize(
    ("temperature", "apart"), [(1.7, r"0\.0"), (1e-6, "0")], ids=["unsure", "sure"]
)
def test_a_file_that_judges_otherwise_is_refused(
    temperature: float, apart: str, tmp_path: Path
) -> None:
    """Also where the network is so sure that p_deepfake is the same for other logits."""
    weights = make_weights("two_faced", temperature=temperature)
    with pytest.raises(WeightsError) as caught:
        write_onnx(weights, tmp_path / "out.onnx")

    assert re.match(
        rf"the ONNX file of b4/2 judges otherwise than torch: p_deepfake is off by {apart}\d*, the"
        r" logits by 0\.0\d+ of the largest; expected at most 0\.0001 and 0\.001$",
        caught.value.message,
    )


def test_what_is_not_a_number_is_not_the_same(written: Path) -> None:
    weights = make_weights()
    wanted = np.full((1, 2), np.nan, np.float32)
    with pytest.raises(WeightsError, match="judges otherwise than torch: p_deepfake is off by nan"):
        onnx_file._check(weights, written, [torch.zeros(1, 3, 40, 40)], [wanted])


def test_a_file_that_does_not_run_is_refused(tmp_path: Path, written: Path) -> None:
    weights = make_weights()
    damaged = tmp_path / "damaged.onnx"
    model = onnx.load(written)
    model.graph.node[0].op_type = "NoSuchOperator"
    damaged.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="does not run in onnxruntime") as caught:
        onnx_file._check(weights, damaged, [torch.zeros(1, 3, 40, 40)], [])

    assert "NoSuchOperator" in caught.value.message


def test_what_is_too_large_for_the_format_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "_LIMIT_BYTES", 400_000)
    with pytest.raises(WeightsError, match=r"of b4/2 have 0\.0 GB; an ONNX file holds less") as e:
        write_onnx(make_weights(), tmp_path / "out.onnx")

    assert e.value.hint == "--to safetensors has no such limit"
    assert list(tmp_path.iterdir()) == []
