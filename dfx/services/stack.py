"""What the libraries of this Python can do, said line by line as JSON; for `dfx doctor`.

Run as a process of its own (`python -m dfx.services.stack`), since a broken installation may do
worse on import than raise. Each line is said before the next thing is tried, so that whoever reads
knows how far it came.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dfx.config import ModelConfig
from dfx.errors import DfxError


def main() -> None:
    """Examines one thing after the other and says what it found of each."""
    warnings.simplefilter("ignore")
    online = "--online" in sys.argv[1:]
    _say("torch", _examine_torch)
    _say("torchvision", _examine_torchvision)
    _say("timm", _examine_timm)
    _say("weights", lambda: _examine_weights(online=online))


def _say(name: str, examine: Callable[[], Mapping[str, Any]]) -> None:
    print(json.dumps({"begun": name}), flush=True)  # noqa: T201  # it speaks to another process
    try:
        found: Mapping[str, Any] = examine()
    except DfxError as error:
        found = {"error": error.message}
    except BaseException as error:  # noqa: BLE001  # whatever a broken library raises is the finding
        lines = str(error).strip().splitlines()
        found = {"error": f"{type(error).__name__}: {lines[0] if lines else ''}"}
    print(json.dumps({"name": name, **found}), flush=True)  # noqa: T201  # as above


def _examine_torch() -> dict[str, Any]:
    torch = importlib.import_module("torch")
    has_cuda = torch.cuda.is_available()
    cards = []
    for number in range(torch.cuda.device_count() if has_cuda else 0):
        free, total = torch.cuda.mem_get_info(number)
        card = torch.cuda.get_device_properties(number)
        # Whether it can, and not only whether it says so.
        product = torch.ones(8, 8, device=f"cuda:{number}") @ torch.ones(
            8, 8, device=f"cuda:{number}"
        )
        cards.append(
            {
                "name": card.name,
                "free_bytes": free,
                "total_bytes": total,
                "works": bool((product == 8).all()),
                "bfloat16": card.major >= 8,
            }
        )
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "cards": cards,
        "mps": torch.backends.mps.is_available(),
        "mps_built": torch.backends.mps.is_built(),
        "threads": torch.get_num_threads(),
    }


def _examine_torchvision() -> dict[str, Any]:
    torch, torchvision = (importlib.import_module(name) for name in ("torch", "torchvision"))
    # Compiled for another torch, it imports, and lacks its operators.
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    torchvision.ops.nms(boxes, torch.ones(1), 0.5)
    return {"version": torchvision.__version__}


def _examine_timm() -> dict[str, Any]:
    torch, timm = (importlib.import_module(name) for name in ("torch", "timm"))
    with torch.no_grad():
        timm.create_model("test_efficientnet", num_classes=2).eval()(torch.zeros(1, 3, 64, 64))
    return {"version": timm.__version__}


def _examine_weights(*, online: bool) -> dict[str, Any]:
    initial = importlib.import_module("dfx.models.initial")
    constants = importlib.import_module("huggingface_hub.constants")
    name = ModelConfig().name
    hub, file = initial.locate_published(name)
    found: dict[str, Any] = {
        "model": name,
        "hub": hub,
        "file": None if file is None else str(file),
        "bytes": None if file is None else Path(file).stat().st_size,
        "cache": constants.HF_HUB_CACHE,
        "offline": constants.HF_HUB_OFFLINE,
    }
    if online:
        found["reached"], found["reason"] = _try_hub(hub)
    return found


def _try_hub(hub: str) -> tuple[bool, str | None]:
    client = importlib.import_module("huggingface_hub")
    try:
        url = client.hf_hub_url(hub, "model.safetensors")
        client.get_hf_file_metadata(url, timeout=10)
    except Exception as error:  # noqa: BLE001  # of whichever client it uses; why is the finding
        return False, (str(error).strip() or type(error).__name__).splitlines()[0]
    return True, None


if __name__ == "__main__":
    main()
