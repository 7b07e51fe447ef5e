"""The part of `dfx doctor` about Python, the processor and the system's limits."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dfx.config import DataConfig
from dfx.models.driver import count_processors, describe_processor
from dfx.records.findings import Finding, Level
from dfx.services.repository import read_code

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # it is the place itself that is looked at
_PREFETCHED = 2
"""Batches that each loader process holds ready, by torch's default."""

_OPEN_FILES = 1024
_OLDEST_PYTHON = (3, 11)


def examine_python() -> Iterator[Finding]:
    """The interpreter."""
    version = platform.python_version()
    text = f"{version} ({sys.executable})"
    values = {"version": version, "executable": sys.executable, "platform": platform.platform()}
    if sys.version_info < _OLDEST_PYTHON:
        yield Finding("python", Level.PROBLEM, text, "dfx needs Python 3.11 or newer", values)
    else:
        yield Finding("python", Level.OK, text, values=values)


def examine_processor() -> Iterator[Finding]:
    """What decodes the images, and trains where there is no card."""
    count, workers = count_processors(), DataConfig().workers
    text = f"{describe_processor()}, {count} to be used"
    values = {"processors": count, "omp_num_threads": os.environ.get("OMP_NUM_THREADS")}
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads == "1" and count > 1:
        text += "; OMP_NUM_THREADS is 1"
        advice = "training on the processor uses one of them: unset OMP_NUM_THREADS"
        yield Finding("processor", Level.WARNING, text, advice, values)
    elif count < workers:
        advice = f"data.workers is {workers} by default: --set data.workers={count} loads as fast"
        yield Finding("processor", Level.WARNING, text, advice, values)
    else:
        yield Finding("processor", Level.OK, text, values=values)


def examine_shared_memory(folder: Path = _SHARED_MEMORY) -> Iterator[Finding]:
    """Through which loader processes hand over their batches; small in many containers."""
    if sys.platform != "linux":
        return
    if not folder.is_dir():
        text = f"{folder} is missing: loader processes cannot hand over their batches"
        yield Finding("shared memory", Level.PROBLEM, text, "run with --set data.workers=0")
        return
    usage = shutil.disk_usage(folder)
    needed = shared_memory_needed()
    text = f"{usage.free / 1e6:,.0f} MB free in {folder}; a default run needs {needed / 1e6:,.0f}"
    values = {"free_bytes": usage.free, "total_bytes": usage.total, "needed_bytes": needed}
    if usage.free >= needed:
        yield Finding("shared memory", Level.OK, text, values=values)
    else:
        advice = "start the container with --shm-size=1g, or run with --set data.workers=0"
        yield Finding("shared memory", Level.PROBLEM, text, advice, values)


def shared_memory_needed() -> int:
    """Bytes of the batches that a default run's loader processes hold ready."""
    data = DataConfig()
    batch = data.batch_size * 3 * data.image_size**2
    return (data.workers * _PREFETCHED + 1) * batch


def examine_open_files() -> Iterator[Finding]:
    """How many files a process may have open; loader processes need some for each batch."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    values = {"limit": None if unlimited else soft}
    text = "no limit" if unlimited else f"{soft:,} at a time"
    if unlimited or soft >= _OPEN_FILES:
        yield Finding("open files", Level.OK, text, values=values)
        return
    more = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    advice = f"ulimit -n {more}, before dfx"
    yield Finding("open files", Level.WARNING, f"{text}, few for loader processes", advice, values)


def examine_git() -> Iterator[Finding]:
    """What records the code of the working folder."""
    program = shutil.which("git")
    if program is None:
        text = "not installed: a run does not record the code of its working folder"
        yield Finding("git", Level.WARNING, text, "install it, where that is code of yours")
        return
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = said.stdout.strip().removeprefix("git version ")
    code = read_code(Path.cwd())
    values = {"version": version, "in_repository": code is not None}
    if code is None:
        text = f"{version}; this folder is in no repository, so a run records no code"
        yield Finding("git", Level.OK, text, values=values)
    elif problem := code.described.get("problem"):
        advice = "see what `git status` says here; a run records no code until then"
        yield Finding("git", Level.WARNING, f"{version}; {problem}", advice, values)
    else:
        revision = code.described["revision"]
        state = f"at {revision[:12]}" if revision else "without a commit"
        changed = ", with changes" if code.described["patch"] else ""
        yield Finding("git", Level.OK, f"{version}; repository {state}{changed}", values=values)
