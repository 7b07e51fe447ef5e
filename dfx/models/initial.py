"""The weights a run starts from: published, from a local file, or random; never a silent guess."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import timm
import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of whichever client it uses: requests or httpx
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import PretrainedCfg
from torch import Tensor, nn

from dfx.digests import hash_file
from dfx.errors import WeightsError
from dfx.models.network import (
    check_architecture,
    create_module,
    find_settings,
    last_layer,
    try_image_size,
)
from dfx.models.weights import first_line, read_tensors

_OTHER_WAYS = (
    "name a local file with --weights FILE (.safetensors or .pth), or start from random weights"
    " with --no-pretrained"
)


@dataclass(frozen=True, slots=True)
class Network:
    """A network and where its weights came from.

    Attributes:
        module: As `create_module` gives it.
        weights: Provenance for the record: source, then tag or path, digest and what was adapted.
    """

    module: nn.Module
    weights: Mapping[str, Any]


def build_network(
    name: str,
    *,
    image_size_px: int,
    drop_rate: float,
    drop_path_rate: float,
    pretrained: bool,
    weights_file: str | None,
    seed: int,
) -> Network:
    """Builds the network a run starts from.

    Args:
        name: As for `create_module`.
        image_size_px: As for `create_module`.
        drop_rate: As for `create_module`.
        drop_path_rate: As for `create_module`.
        pretrained: Start from timm's published weights, unless a file is named.
        weights_file: A local file to start from.
        seed: Of whatever is not loaded, the last layer at least; in [0, 2**63).

    Raises:
        ConfigError: Where the architecture is unknown or lacks what is asked for.
        WeightsError: Where the weights cannot be had or do not fit.
    """
    torch.manual_seed(seed)
    network = _build(
        partial(
            create_module,
            name,
            image_size_px=image_size_px,
            drop_rate=drop_rate,
            drop_path_rate=drop_path_rate,
        ),
        name,
        pretrained=pretrained,
        weights_file=weights_file,
    )
    try_image_size(network.module, name, image_size_px)
    return network


def _build(
    create: Callable[..., nn.Module], name: str, *, pretrained: bool, weights_file: str | None
) -> Network:
    if weights_file is not None:
        module = create()
        return Network(module, load_weights_file(module, Path(weights_file), name))
    if not pretrained:
        return Network(create(), {"source": "random"})
    check_architecture(name)
    settings = find_settings(name)
    if settings is None or not settings.has_weights:
        raise WeightsError(f"timm has no published weights of {name}", hint=_OTHER_WAYS)
    cached = _find_in_cache(settings)
    try:
        # With a file at hand timm asks no server, which offline would take it most of a minute.
        module = create(pretrained=True, pretrained_file=cached if settings.hf_hub_id else None)
    except (OSError, HTTPError) as error:  # what the hub's client and urllib raise, all of them
        raise WeightsError(
            f"the published weights of {name} cannot be downloaded: {first_line(error)}",
            hint=_OTHER_WAYS,
        ) from None
    except (SafetensorError, RuntimeError, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"the published weights of {name} were downloaded damaged: {first_line(error)}",
            hint=f"remove {_find_in_cache(settings)} to download them anew; or {_OTHER_WAYS}",
        ) from None
    return Network(module, _describe_published(settings, _find_in_cache(settings)))


def load_weights_file(module: nn.Module, path: Path, name: str) -> dict[str, Any]:
    """Loads a local file into a module.

    A last layer of another size, such as the 1,000 classes of ImageNet, is left out; everything
    else must fit to the letter.

    Args:
        module: What to load into.
        path: A `.safetensors` file, or one that `torch.save` wrote.
        name: The architecture, for messages.

    Returns:
        Provenance: source, path, digest, and whether the last layer was loaded.

    Raises:
        WeightsError: Where the file cannot be read or is of another architecture.
    """
    state = _read_state(path)
    wanted = module.state_dict()
    head = _head_keys(module)
    kept = {
        key: tensor
        for key, tensor in state.items()
        if not (key in head and tensor.shape != wanted[key].shape)
    }
    missing = sorted(wanted.keys() - kept.keys() - head)
    unknown = sorted(kept.keys() - wanted.keys())
    shapes = sorted(k for k in kept.keys() & wanted.keys() if kept[k].shape != wanted[k].shape)
    if missing or unknown or shapes:
        examples = [*(f"lacks {k}" for k in missing[:1]), *(f"has {k}" for k in unknown[:1])]
        examples += [
            f"{k} is {list(kept[k].shape)} instead of {list(wanted[k].shape)}" for k in shapes[:1]
        ]
        raise WeightsError(
            f"{path} does not hold weights of {name}: {'; '.join(examples)}"
            f" ({len(missing)} missing, {len(unknown)} unknown, {len(shapes)} of another shape)",
            hint="name the architecture it was made for with --arch",
        )
    module.load_state_dict({**{key: wanted[key] for key in head}, **kept})
    return {
        "source": "file",
        "path": str(path.absolute()),
        "sha256": hash_file(path),
        "last_layer": "loaded" if head <= kept.keys() else "random",
    }


def locate_published(name: str) -> tuple[str | None, Path | None]:
    """Where timm's weights of an architecture come from, and their file if it is in the cache.

    Raises:
        ConfigError: Where the architecture is unknown.
    """
    check_architecture(name)
    settings = find_settings(name)
    if settings is None or not settings.has_weights:
        return None, None
    return settings.hf_hub_id or str(settings.url), _find_in_cache(settings)


def _head_keys(module: nn.Module) -> set[str]:
    head = {tensor.data_ptr() for tensor in last_layer(module).state_dict().values()}
    return {key for key, tensor in module.state_dict().items() if tensor.data_ptr() in head}


def _read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file, under the names timm gives them."""
    if path.suffix == ".safetensors":
        try:
            content: dict[str, Any] = load_file(path)
        except FileNotFoundError:
            raise WeightsError(
                f"weights file {str(path)!r} does not exist", hint="check the path"
            ) from None
        except (SafetensorError, OSError) as error:
            raise WeightsError(
                f"{path} cannot be read as safetensors: {first_line(error)}"
            ) from None
    else:
        content = read_tensors(path)
    for key in ("state_dict", "model_state_dict", "model", "state"):
        if isinstance(content.get(key), dict):
            content = content[key]
            break
    if not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(
            f"{path} holds no state dict (names with tensors)",
            hint="save one with torch.save(model.state_dict(), PATH)",
        )
    return {str(key).removeprefix("module."): tensor for key, tensor in content.items()}


def _find_in_cache(settings: PretrainedCfg) -> Path | None:
    """The published weights, if they were downloaded before."""
    if settings.hf_hub_id:
        for filename in ("model.safetensors", "pytorch_model.bin"):
            cached = try_to_load_from_cache(settings.hf_hub_id, filename)
            if isinstance(cached, str):
                return Path(cached)
    elif isinstance(settings.url, str):
        file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(settings.url).path).name
        return file if file.is_file() else None
    return None


def _describe_published(settings: PretrainedCfg, file: Path | None) -> dict[str, Any]:
    return {
        "source": "timm",
        "timm": timm.__version__,
        "architecture": settings.architecture,
        "tag": settings.tag,
        "hub": settings.hf_hub_id or settings.url,
        "file": file.name if file else None,
        "sha256": hash_file(file) if file else None,
    }
