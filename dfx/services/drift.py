"""What is not as it was when a run was made: code, packages, device, data and initial weights."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dfx.config import ExperimentConfig
from dfx.data.index import digest_listing, list_split
from dfx.digests import hash_file
from dfx.errors import DfxError
from dfx.models.device import resolve_device
from dfx.models.initial import locate_published
from dfx.records import Run, RunDetail, SplitSummary
from dfx.records.findings import Drift
from dfx.services.provenance import describe_hardware, describe_software
from dfx.services.repository import PATCH_LIMIT, locate_patch, read_code

_NAMED = 3


def find_drift(detail: RunDetail, config: ExperimentConfig, home: Path) -> list[Drift]:
    """Compares what a run's last attempt recorded with what is here now.

    Args:
        detail: The run.
        config: As it would be repeated.
        home: Where its files are, if they are on this machine.
    """
    then = detail.attempts[-1].environment
    return [
        *_compare_data(detail.run, config),
        *_compare_weights(detail.run),
        *_compare_code(then.get("code"), home, config),
        *_compare_software(then),
        *_compare_hardware(then, config),
    ]


def _compare_data(run: Run, config: ExperimentConfig) -> Iterator[Drift]:
    for known in run.data:
        now = _digest_now(known, config)
        if now != known.digest:
            advice = f"put the images of the run back into {config.data.root}"
            yield Drift("data", known.split, known.digest, now, advice, is_refused=True)


def _digest_now(known: SplitSummary, config: ExperimentConfig) -> str:
    """The digest of the split as it is listed now, or why it cannot be."""
    skipped = {name for name, _ in known.skipped}
    try:
        images = list_split(Path(config.data.root), known.split, limit=config.data.limit)
    except DfxError as error:
        return error.message
    return digest_listing(image for image in images if image.name not in skipped)


def _compare_weights(run: Run) -> Iterator[Drift]:
    then = run.weights.get("sha256")
    match run.weights.get("source"):
        case "file":
            path = Path(run.weights["path"])
            now = hash_file(path) if path.is_file() else f"{path} is gone"
            if now != then:
                advice = f"put the former file back to {path}"
                yield Drift("weights", path.name, then, now, advice, is_refused=True)
        case "timm":
            _, file = locate_published(run.config.model.name)
            # What is not in the cache is fetched, and may turn out to be another file.
            if then and file is not None and (now := hash_file(file)) != then:
                advice = "the publisher has changed the file; with a copy of the former: --weights"
                yield Drift("weights", run.weights["hub"], then, now, advice, is_refused=True)


def _compare_code(
    then: Mapping[str, Any] | None, home: Path, config: ExperimentConfig
) -> Iterator[Drift]:
    if then is None or then.get("problem"):
        return  # nothing was recorded that could have changed
    code = read_code(Path.cwd(), apart_from=[home, Path(config.data.root)])
    if code is None or code.described.get("problem"):
        why = "this folder is in no repository" if code is None else code.described["problem"]
        yield Drift("code", "revision", then["revision"], None, f"{why}: change to that of the run")
        return
    now = code.described
    if then["revision"] != now["revision"]:
        checkout = f"git checkout {then['revision']}" if then["revision"] else None
        yield Drift("code", "revision", then["revision"], now["revision"], checkout)
    if then["patch"] != now["patch"]:
        yield Drift("code", "changes", then["patch"], now["patch"], _explain_patch(then, home))
    before = {each["path"]: each["sha256"] for each in then.get("untracked", [])}
    after = {each["path"]: each["sha256"] for each in now.get("untracked", [])}
    for name, old, new in (
        ("untracked files", before, after),
        ("submodules", then.get("submodules", {}), now.get("submodules", {})),
    ):
        if old != new:
            changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
            shown = ", ".join(changed[:_NAMED]) + (", …" if len(changed) > _NAMED else "")
            yield Drift("code", name, f"{len(old)}", f"{len(new)}", f"not the same: {shown}")


def _explain_patch(then: Mapping[str, Any], home: Path) -> str:
    """How to have the changes of then, in a clean checkout of their revision."""
    digest = then["patch"]
    if digest is None:
        return "there were none: git stash --include-untracked"
    file = locate_patch(home, digest)
    if file.is_file():
        text = f"gunzip -c {shlex.quote(str(file))} | git apply"
        return text + (", but for the secrets in it, which are ***" if then.get("redacted") else "")
    size = then.get("patch_bytes", 0)
    if size > PATCH_LIMIT:
        return f"they were too large to be kept ({size:,} bytes)"
    return f"they are kept as {file}, which is not here"


def _compare_software(then: Mapping[str, Any]) -> Iterator[Drift]:
    now = describe_software()
    if then.get("dfx") != now["dfx"]:
        yield Drift("code", "dfx", then.get("dfx"), now["dfx"], f"pip install dfx=={then['dfx']}")
    for name in ("python", "platform"):
        if then.get(name) != now[name]:
            yield Drift("python", name, then.get(name), now[name])
    if then.get("torch") != now["torch"]:
        advice = f"pip install torch=={then.get('torch')}"
        yield Drift("package", "torch", then.get("torch"), now["torch"], advice)
    before, after = then.get("packages", {}), now["packages"]
    for name in sorted(before.keys() | after.keys(), key=str.casefold):
        old, new = before.get(name), after.get(name)
        if old != new and name not in {"torch", "dfx"}:
            install = f"pip install {name}=={old}" if old else None
            yield Drift("package", name, old, new, install)


def _compare_hardware(then: Mapping[str, Any], config: ExperimentConfig) -> Iterator[Drift]:
    try:
        device = resolve_device(config.train.device)
    except DfxError as error:
        yield Drift("device", config.train.device, _name_device(then), None, error.message)
        return
    now = describe_hardware(device)
    if _name_device(then) != _name_device(now):
        advice = "another device rounds otherwise: close to the same result, not the same"
        yield Drift("device", "card", _name_device(then), _name_device(now), advice)
    relevant = ("cuda", "driver") if device.type == "cuda" else ("processor",)
    for name in relevant:
        if name in then and then[name] != now[name]:
            yield Drift("device", name, then[name], now[name])


def _name_device(environment: Mapping[str, Any]) -> str:
    """The card's name, or the kind of device."""
    if card := environment.get("card"):
        return str(card["name"])
    return str(environment.get("device", "unknown")).partition(" ")[0]
