"""Weights written for other programs: what of the record goes with them, and what does not."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from by_hand_samples import make_detail, make_evaluation_by_hand
from PIL import Image

from dfx.data.transforms import normalise, prepare
from dfx.errors import NotFoundError, WeightsError
from dfx.formats import ExportFormat
from dfx.messages import Notice
from dfx.models.safetensors_folder import load_folder, write_folder
from dfx.models.weights import dump_weights
from dfx.records import Confusion, RunDetail
from dfx.records.model_card import CardRecord, ModelCard
from dfx.services import portable
from dfx.services.card import compose_card
from dfx.services.portable import write_weights
from dfx.tracking.store import RunStore

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tracking"))

from portable_samples import MEAN, STD, make_weights
from tracking_samples import begin_run, make_split, record_epoch

WEIGHTS = make_weights()
OWN = make_split().content_digest


@pytest.fixture
def record(store: RunStore) -> RunDetail:
    """A run with training's own report of epoch 1, and evaluations on three sets of images."""
    run, attempt = begin_run(store)
    store.record_data(attempt.id, [make_split("train"), make_split()])
    record_epoch(store, attempt, 1)
    for number in range(1, 5):
        store.record_test_use(run.id, epoch=1, dataset="faces", dataset_digest="sha256:test")
        is_own = number == 4
        digest = "sha256:own" if is_own else f"sha256:{number // 2}"
        by_hand = make_evaluation_by_hand("b4/1", number, accuracy=number / 10)
        assert by_hand.detail is not None
        data = replace(by_hand.detail.data, content_digest=digest, is_own=is_own)
        # The robustness of the middle set is known from the older of its evaluations.
        suite = None if number == 3 else by_hand.detail.robustness
        detail = replace(by_hand.detail, data=data, robustness=suite)
        store.record_evaluation(run.id, replace(by_hand, detail=detail))
    return store.get_detail(run.id)


def extract(record: RunDetail, epoch: int = 1) -> CardRecord:
    weights = make_weights(epoch=epoch)
    card = compose_card(weights, parameters=1, digest="sha256:w", record=record)
    assert card.record is not None
    return card.record


def test_the_newest_on_each_set_of_images_is_shown(record: RunDetail) -> None:
    """The run's own test images first, others, and validation last; of no other epoch."""
    found = extract(record)

    assert [each.accuracy for each in found.evaluations[:-1]] == [0.4, 0.1, 0.3]
    assert [each.accuracy for each in found.robustness] == [0.4, 0.1, 0.2]
    assert found.test_uses == 4
    assert extract(record, epoch=2).evaluations == ()


def test_training_says_what_nobody_has_measured_since(record: RunDetail) -> None:
    """With Wilson's interval; an evaluation of the same validation images takes its place."""
    [own] = [each for each in record.evaluations if each.origin == "training"]
    known = replace(own, confusion=Confusion(tn=40, fp=5, fn=5, tp=50))
    others = [each for each in record.evaluations if each.origin != "training"]
    found = extract(replace(record, evaluations=(known, *others)))
    interval = found.training_interval

    assert found.evaluations[-1] == known
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.8256, 0.9448), abs=1e-4)

    data = replace(make_detail().data, split="val", content_digest=OWN, is_own=True)
    since = replace(known, created_at=known.created_at + timedelta(days=1), origin="evaluate")
    since = replace(since, detail=make_detail(data=data))
    found = extract(replace(record, evaluations=(known, *others, since)))

    assert [each.origin for each in found.evaluations] == ["evaluate"] * 4
    assert found.training_interval is None


def test_a_card_names_no_machine_and_no_folder(record: RunDetail) -> None:
    """It is given away; wherever a path is needed, its last name is."""
    secret = "/home/someone/secret"
    run = replace(
        record.run,
        host=socket.gethostname(),
        home=f"{secret}/runs",
        weights={"source": "file", "path": f"{secret}/start.pt", "sha256": "sha256:1"},
    )
    evaluations = tuple(
        replace(e, detail=replace(e.detail, data=replace(e.detail.data, root=f"{secret}/faces")))
        for e in record.evaluations
        if e.detail is not None
    )
    config = {"data.root": f"{secret}/faces", "model.weights_file": f"{secret}/start.pt"}
    weights = make_weights(config={**WEIGHTS.config, **config}, epoch=1)
    card = compose_card(
        weights,
        parameters=1,
        digest="sha256:w",
        record=replace(record, run=run, evaluations=evaluations),
    )
    text = repr(card)

    assert "secret" not in text and socket.gethostname() not in text
    assert (card.config["data.root"], card.config["model.weights_file"]) == ("faces", "start.pt")
    assert card.record is not None and card.record.initial["path"] == "start.pt"


def test_versions_are_those_of_the_attempt_that_made_the_epoch(record: RunDetail) -> None:
    [attempt] = record.attempts
    environment: dict[str, Any] = {
        "dfx": "0.1.0",
        "torch": "2.6.0",
        "packages": {"timm": "1.0.9", "torch": "2.6"},
        "code": {"revision": "0123abcd", "patch": "sha256:1"},
    }
    first = replace(attempt, environment=environment)
    later = replace(attempt, number=2, environment={"dfx": "9"})
    found = extract(replace(record, attempts=(first, later)))
    clean = replace(first, environment={**environment, "code": {"revision": "4567", "patch": None}})
    bare = replace(first, environment={"dfx": "0.1.0", "code": None})

    assert found.software == {"dfx": "0.1.0", "torch": "2.6.0", "timm": "1.0.9"}
    assert (found.revision, found.is_revision_all) == ("0123abcd", False)
    assert extract(replace(record, attempts=(clean,))).is_revision_all
    assert extract(replace(record, attempts=(bare,))).revision is None
    assert extract(replace(record, attempts=())).software == {}


def test_what_an_older_file_did_not_know_was_off() -> None:
    config = {key: value for key, value in WEIGHTS.config.items() if key != "train.ema"}
    card = compose_card(make_weights(config=config), parameters=1, digest="", record=None)

    assert card.config["train.ema"] == 0


@pytest.mark.parametrize("shape", [(90, 61), (40, 133), (40, 40), (7, 500)])
def test_timm_prepares_an_image_as_dfx_does(shape: tuple[int, int], tmp_path: Path) -> None:
    """To the bit, whatever the sides: the whole image, each side by itself."""
    write_folder(WEIGHTS, tmp_path)
    module = load_folder(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    settings = timm.data.resolve_model_data_config(module)
    theirs = timm.data.create_transform(**settings, is_training=False)(image)
    ours = normalise(prepare(image, 40)[None], WEIGHTS.preprocessing)[0]

    assert settings["mean"] == list(MEAN) and settings["std"] == list(STD)
    assert theirs.equal(ours)
    portable._check_preprocessing(module, WEIGHTS.preprocessing)


def test_another_preparation_is_noticed(tmp_path: Path) -> None:
    write_folder(WEIGHTS, tmp_path)
    module = load_folder(tmp_path)
    module.pretrained_cfg["crop_mode"] = "center"  # type: ignore[index]
    with pytest.raises(WeightsError, match="prepares an image otherwise than dfx: values are off"):
        portable._check_preprocessing(module, WEIGHTS.preprocessing)


def test_a_weights_file_needs_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is checked, and the card is given what the file knows."""
    monkeypatch.chdir(tmp_path)
    Path("best.pt").write_bytes(dump_weights(WEIGHTS))
    cards: list[ModelCard] = []
    notices: list[Notice] = []

    def render(card: ModelCard) -> str:
        cards.append(card)
        return "the card"

    def export(what: str, target: str) -> None:
        fmt = ExportFormat.SAFETENSORS
        write_weights(what, Path(target), fmt, None, render=render, notify=notices.append)

    export("best.pt", "new/detector")
    folder = tmp_path / "new" / "detector"

    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert (folder / "README.md").read_text() == "the card"
    assert [notice.text for notice in notices] == [
        "Exporting b4/2, epoch 3: best.pt",
        f"{folder}: 0.4 MB, checked: timm prepares images alike and gives the same logits",
    ]
    [card] = cards
    assert card.record is None
    assert card.parameters == sum(each.numel() for each in WEIGHTS.build().parameters())

    for what, message in (("gone.pt", "'gone.pt' does not exist"), ("new", None), ("best", None)):
        kind = WeightsError if message else NotFoundError  # others are runs, and there is no home
        with pytest.raises(kind, match=message):
            export(what, "other")
    assert not Path("other").exists()


def test_nothing_is_left_where_the_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that says something else in its ONNX file, under the name of one that does not."""
    path = tmp_path / "best.pt"
    path.write_bytes(dump_weights(make_weights("two_faced")))
    with pytest.raises(WeightsError, match="judges otherwise than torch"):
        write_weights(
            str(path),
            tmp_path / "new" / "detector.onnx",
            ExportFormat.ONNX,
            None,
            render=lambda _: "",
            notify=lambda _: None,
        )

    assert list(tmp_path.iterdir()) == [path]
    assert torch.is_grad_enabled()
