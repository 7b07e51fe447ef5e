"""A process that has imported everything, and forks a child for each command of `dfx`.

Run as a script. A line of JSON on its stdin asks for something, a line on its stdout answers. Each
child is a process of its own, in a group of its own, and costs a fraction of a second where
importing torch anew costs several.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

# As `dfx.cli.app.main` does, and before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A process with threads must not fork; nothing but imports may happen here.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pyarrow's, where it is installed

import numpy as np
import torch
from filling import fill_before
from marks import Marks, mark_process

import dfx.cli.app
import dfx.display.progress
import dfx.services.predict
import dfx.services.resume
import dfx.services.train


def serve() -> dict[str, Any]:
    """Answers until its stdin ends. Returns in each child, with what it was asked for."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _answer(code=_wait(request["wait"], request["seconds"]))
            continue
        threads = len(list(Path("/proc/self/task").iterdir()))
        if threads != 1:
            raise RuntimeError(f"{threads} threads: what is forked now may hang")
        pid = os.fork()
        if pid == 0:
            return dict(request)
        _answer(pid=pid)
    sys.exit()


def _answer(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def _wait(pid: int, seconds: float) -> int | None:
    """The exit code of a child, negative where a signal ended it; None where it goes on."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None


def become(request: dict[str, Any]) -> None:
    """Makes this child what a shell would have started."""
    os.setpgid(0, 0)
    os.chdir(request["folder"])
    for number, (path, flags) in enumerate(
        (
            ("/dev/null", os.O_RDONLY),
            (request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        )
    ):
        descriptor = os.open(path, flags, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    # No two processes have the same to begin with; nothing may depend on it.
    random.seed(os.getpid())
    np.random.seed(os.getpid())  # noqa: NPY002  # the global one is what is meant
    torch.manual_seed(os.getpid())
    mark_process(Marks(Path(request["marks"])))
    if request["filling"]:
        fill_before(**request["filling"])
    if request["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"],) * 2)
    sys.argv = ["dfx", *request["arguments"]]


if __name__ == "__main__":
    # Python 3.12 warns of a fork with threads; that there are none is checked.
    warnings.simplefilter("default")
    gc.freeze()
    _answer(ready=True)
    become(serve())
    dfx.cli.app.main()
