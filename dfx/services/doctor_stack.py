"""The part of `dfx doctor` about libraries, cards and the cache of published weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dfx.models.driver import Card, list_cards
from dfx.records.findings import Finding, Level

_INSTALL = "see https://pytorch.org/get-started/locally/"
_REINSTALL = f"pip install --force-reinstall torch torchvision ({_INSTALL})"
_TIMEOUT_SECONDS = 180

_REFERENCE_BYTES = 10_000_000_000
"""Memory of a card that the reference recipe trains on without recomputing anything."""

Answers = dict[str, dict[str, Any]]


def examine(*, online: bool) -> Iterator[Finding]:
    """Asks another process what the libraries can do."""
    answers, failure = _ask(online=online)
    for name in ("torch", "torchvision", "timm"):
        yield _judge_library(name, answers.get(name, {"error": failure}))
    torch = answers.get("torch", {})
    if "version" in torch:
        yield from judge_device(torch, list_cards())
    yield from _judge_weights(answers.get("weights", {"error": failure}), online=online)


def judge_device(torch: Mapping[str, Any], cards: tuple[Card, ...]) -> Iterator[Finding]:
    """What training would run on.

    Args:
        torch: What torch says: `version`, `cuda`, `cards`, `mps`, `mps_built`.
        cards: What the driver says.
    """
    driver = cards[0].driver if cards else None
    for number, card in enumerate(torch["cards"]):
        yield _judge_card(number, card)
    if torch["cards"]:
        text = f"CUDA {torch['cuda']} in torch, driver {driver or 'unknown'}"
        values = {"cuda": torch["cuda"], "driver": driver}
        yield Finding("driver", Level.OK, text, values=values)
        yield _judge_bfloat16(all(card["bfloat16"] for card in torch["cards"]))
        return
    if torch["mps"]:
        yield Finding("card", Level.OK, "Apple GPU (mps)", values={"mps": True})
        yield _judge_bfloat16(None)
        return
    if cards and os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}:
        text = f"{cards[0].name} is hidden by CUDA_VISIBLE_DEVICES: training runs on the processor"
        yield Finding("card", Level.WARNING, text, "unset CUDA_VISIBLE_DEVICES to use it")
        return
    if cards:
        text = f"{cards[0].name} is there, but torch {torch['version']} cannot use it"
        advice = f"install a torch that fits driver {driver}: {_REINSTALL}"
        yield Finding(
            "card", Level.PROBLEM, text, advice, {"cuda": torch["cuda"], "driver": driver}
        )
        return
    advice = "fine for trying things out; for training, use a machine with an NVIDIA card"
    if sys.platform == "darwin" and not torch["mps_built"]:
        advice = f"this torch is built without Apple's GPU: {_REINSTALL}"
    text = "none found: training runs on the processor, many times slower"
    yield Finding("card", Level.WARNING, text, advice, {"cuda": torch["cuda"], "driver": None})
    yield _judge_bfloat16(None)


def _judge_card(number: int, card: Mapping[str, Any]) -> Finding:
    free, total = card["free_bytes"], card["total_bytes"]
    text = f"cuda:{number} {card['name']}, {_gib(free)} of {_gib(total)} GiB free"
    values = dict(card)
    if not card["works"]:
        return Finding("card", Level.PROBLEM, f"{text}; it computes wrongly", _REINSTALL, values)
    if free < total // 2:
        advice = "something else uses it: nvidia-smi names the processes"
        return Finding("card", Level.WARNING, text, advice, values)
    if total < _REFERENCE_BYTES:
        advice = "the reference recipe is recomputed in parts to fit, or use a smaller --batch-size"
        return Finding("card", Level.WARNING, text, advice, values)
    return Finding("card", Level.OK, text, values=values)


def _judge_bfloat16(has_it: bool | None) -> Finding:  # noqa: FBT001  # the one thing it is about
    values = {"bfloat16": has_it}
    if has_it:
        return Finding(
            "precision", Level.OK, "bfloat16, as train.precision=auto takes", values=values
        )
    if has_it is None:
        text = "float32, as train.precision=auto takes where there is no CUDA card"
        return Finding("precision", Level.OK, text, values=values)
    text = "no bfloat16 on this card: train.precision=auto takes float16 with a gradient scaler"
    return Finding("precision", Level.OK, text, values=values)


def _judge_library(name: str, answer: Mapping[str, Any]) -> Finding:
    if "version" in answer:
        values = {"version": answer["version"]}
        if "threads" not in answer:
            return Finding(name, Level.OK, answer["version"], values=values)
        text = f"{answer['version']}, {answer['threads']} computing thread(s)"
        return Finding(name, Level.OK, text, values={**values, "threads": answer["threads"]})
    advice = "pip install --force-reinstall timm" if name == "timm" else _REINSTALL
    return Finding(name, Level.PROBLEM, f"does not work: {answer['error']}", advice)


def _judge_weights(answer: Mapping[str, Any], *, online: bool) -> Iterator[Finding]:
    if "cache" not in answer:
        text = f"the cache of published weights cannot be looked at: {answer['error']}"
        yield Finding("weights cache", Level.PROBLEM, text, "mend torch and timm first")
        return
    cache = Path(answer["cache"])
    values = {key: answer[key] for key in ("cache", "model", "hub", "file", "bytes", "offline")}
    if answer["file"]:
        text = f"{cache}; {answer['model']} is there ({answer['bytes']:,} bytes)"
        yield Finding("weights cache", Level.OK, text, values=values)
    elif answer["offline"]:
        text = f"{cache}; {answer['model']} is not there, and HF_HUB_OFFLINE forbids to fetch it"
        advice = "unset HF_HUB_OFFLINE once, or name a file: dfx run --weights FILE"
        yield Finding("weights cache", Level.WARNING, text, advice, values)
    elif not _is_writable(cache):
        text = f"{cache} cannot be written, and {answer['model']} is not there"
        advice = "make it writable, or set HF_HOME to a folder that is"
        yield Finding("weights cache", Level.PROBLEM, text, advice, values)
    else:
        text = f"{cache}; {answer['model']} is not there yet: the first run fetches it"
        how = None if online else "dfx doctor --online tells whether it can"
        yield Finding("weights cache", Level.OK, text, how, values)
    if online:
        yield _judge_hub(answer)


def _judge_hub(answer: Mapping[str, Any]) -> Finding:
    values = {"reached": answer["reached"]}
    if answer["reached"]:
        return Finding("hub", Level.OK, f"{answer['hub']} can be reached", values=values)
    text = f"{answer['hub']} cannot be reached: {answer['reason']}"
    advice = "check the network and HTTPS_PROXY; or name a file: dfx run --weights FILE"
    level = Level.WARNING if answer["file"] else Level.PROBLEM
    return Finding("hub", level, text, advice, values)


def _ask(*, online: bool) -> tuple[Answers, str]:
    """What the other process says of each thing, and why it says no more."""
    # It shall find what this process would.
    script = f"import sys; sys.path[:] = {sys.path!r}; from dfx.services.stack import main; main()"
    command = [sys.executable, "-c", script, *(["--online"] if online else [])]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        answers, begun = _read(error.stdout or b"")
        return answers, f"{begun} did not answer in {_TIMEOUT_SECONDS} seconds"
    except OSError as error:
        return {}, f"{sys.executable} cannot be run: {error.strerror or error}"
    answers, begun = _read(done.stdout)
    said = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    last = f" ({said[-1]})" if said else ""
    return answers, f"{begun} ended the process with {done.returncode}{last}"


def _read(output: bytes) -> tuple[Answers, str]:
    answers: Answers = {}
    begun = "Python"
    for line in output.decode("utf-8", "backslashreplace").splitlines():
        try:
            said = json.loads(line)
        except ValueError:  # a library that prints
            continue
        if not isinstance(said, dict):
            continue
        begun = str(said.get("begun", begun))
        if "name" in said:
            answers[str(said["name"])] = said
    return answers, begun


def _is_writable(folder: Path) -> bool:
    """Whether a folder can be written, or made."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f}"
