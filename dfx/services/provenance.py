"""What an attempt ran on: code, packages, hardware and command line. No environment variables."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import dfx
from dfx.models.device import describe_device
from dfx.training.checkpoint import write_durably

_PATCH_LIMIT = 20_000_000
"""Bytes; a larger patch is named by its digest and not kept."""


def describe_environment(device: torch.device, home: Path, *, processes: int = 1) -> dict[str, Any]:
    """Plain values for the record of an attempt.

    The uncommitted patch of the working folder's repository goes into the home, compressed, once
    per digest.
    """
    return {
        "dfx": dfx.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "device": describe_device(device),
        "processes": processes,
        "command": sys.argv,
        "folder": str(Path.cwd()),
        "packages": {
            distribution.name: distribution.version
            for distribution in sorted(importlib.metadata.distributions(), key=lambda d: d.name)
        },
        "code": _describe_code(home),
    }


def _describe_code(home: Path) -> dict[str, Any] | None:
    """Revision, branch and uncommitted patch; None outside a git checkout."""
    revision = _git("rev-parse", "HEAD")
    if revision is None:
        return None
    patch = _git("diff", "HEAD", "--binary") or b""
    described = {
        "revision": revision.decode().strip(),
        "branch": (_git("rev-parse", "--abbrev-ref", "HEAD") or b"").decode().strip(),
        "patch": None,
    }
    if not patch:
        return described
    digest = hashlib.sha256(patch).hexdigest()
    file = home / ".patches" / f"{digest}.patch.gz"
    if len(patch) <= _PATCH_LIMIT and not _touch(file):
        write_durably(file, gzip.compress(patch, mtime=0))
    return {**described, "patch": f"sha256:{digest}"}


def _touch(file: Path) -> bool:
    """Makes a file young, for `dfx gc`: no row names it yet. False where there is none."""
    try:
        os.utime(file)
    except FileNotFoundError:
        return False
    except PermissionError:  # written by somebody else who shares the home
        return file.exists()
    return True


def _git(*arguments: str) -> bytes | None:
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run([program, *arguments], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
