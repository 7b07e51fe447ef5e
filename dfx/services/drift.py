"""What is not as it was when a run was made: code, packages, device, data and initial weights."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
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
from dfx.services.repository import PATCH_LIMIT, locate_folder, locate_patch, read_code

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
    data = [home, Path(config.data.root)]
    code = read_code(Path.cwd(), apart_from=data)
    if code is None or code.top is None or code.described.get("problem"):
        why = "this folder is in no repository" if code is None else code.described["problem"]
        yield Drift("code", "revision", then["revision"], None, f"{why}: change to that of the run")
        return
    now = code.described
    # Neither another revision nor other changes can be had while there are changes.
    stash = _build_stash(code.top, data) if now["patch"] and then["patch"] != now["patch"] else None
    if then["revision"] != now["revision"]:
        checkout = f"git checkout {then['revision']}" if then["revision"] else None
        advice = " && ".join(filter(None, (stash, checkout)))
        yield Drift("code", "revision", then["revision"], now["revision"], advice or None)
        stash = None if checkout else stash
    if then["patch"] != now["patch"]:
        advice = _explain_patch(then, home, code.top, stash)
        yield Drift("code", "changes", then["patch"], now["patch"], advice)
    yield from _compare_left_out(then, now)


def _compare_left_out(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Drift]:
    """Files that are changed and not in the patch, and submodules; of many the first are named."""
    before, after = _name_left_out(then), _name_left_out(now)
    changed = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    for name in changed[:_NAMED]:
        if name not in before:
            advice = "it was not there, or was as committed: move it away where the code reads it"
        elif name not in after:
            advice = "it was there, beside what is committed: put it back where the code reads it"
        else:
            advice = "put the former file back where the code reads it"
        yield Drift("code", f"file {name}", before.get(name), after.get(name), advice)
    if len(changed) > _NAMED:
        more = (
            f"{len(changed) - _NAMED} more of them are not the same; `dfx show` has those of then"
        )
        yield Drift("code", "other files", f"{len(before)}", f"{len(after)}", more)
    old, new = then.get("submodules", {}), now.get("submodules", {})
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            advice = "git submodule update --init, and there the revision of then"
            yield Drift("code", f"submodule {name}", old.get(name), new.get(name), advice)


def _name_left_out(code: Mapping[str, Any]) -> dict[str, str]:
    """Digests by path; of what is not read, lest it holds secrets, the size."""
    return {
        each["path"]: each["sha256"] or f"{each['bytes']:,} bytes, not read"
        for each in code.get("untracked", [])
    }


def _build_stash(top: Path, apart_from: Sequence[Path]) -> str:
    """A command that sets all changes aside, but never a home or data: they may not be ignored."""
    inside = [
        path.relative_to(top).as_posix()
        for folder in apart_from
        for path in locate_folder(folder)
        if path != top and path.is_relative_to(top)
    ]
    apart = [f":(exclude,literal){path}" for path in dict.fromkeys(inside)]
    words = ["git", *_in(top), "stash", "push", "--include-untracked"]
    return shlex.join([*words, "--", ".", *apart])


def _in(top: Path) -> list[str]:
    """What makes git work on the whole checkout, where it would only see the folder it is in."""
    return [] if os.path.realpath(Path.cwd()) == str(top) else ["-C", str(top)]


def _explain_patch(then: Mapping[str, Any], home: Path, top: Path, stash: str | None) -> str:
    """How to have the changes of then, in a checkout of their revision."""
    digest = then["patch"]
    if digest is None:
        return f"there were none: {stash}" if stash else "there were none"
    file = locate_patch(home, digest)
    if file.is_file():
        apply = shlex.join(["git", *_in(top), "apply"])
        text = f"gunzip -c {shlex.quote(str(file))} | {apply}"
        text = f"{stash} && {text}" if stash else text
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
