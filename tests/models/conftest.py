"""Weights files of tiny architectures, and a hub of our own to download them from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save
from torch import Tensor

ARCHITECTURE = "test_resnet"


@pytest.fixture(scope="session")
def imagenet_state() -> dict[str, Tensor]:
    """A state dict with the 1,000 outputs that published weights have."""
    torch.manual_seed(7)
    return dict(timm.create_model(ARCHITECTURE).state_dict())


@dataclass
class Hub:
    """A server that answers like the public hub, as far as a download needs.

    Attributes:
        files: Contents by path.
        cut: How many bytes are sent before the connection breaks; None sends everything.
        asked: What was asked for, in order.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    asked: list[str] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None


@pytest.fixture
def hub(imagenet_state: dict[str, Tensor]) -> Iterator[Hub]:
    """A hub that has the weights of `test_resnet.r160_in1k`."""
    served = Hub()
    served.files[f"/timm/{ARCHITECTURE}.r160_in1k/resolve/main/model.safetensors"] = save(
        {key: tensor.contiguous() for key, tensor in imagenet_state.items()}
    )

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_content=False)

        def do_GET(self) -> None:
            self._answer(with_content=True)

        def _answer(self, *, with_content: bool) -> None:
            served.asked.append(f"{self.command} {self.path}")
            content = served.files.get(self.path)
            if content is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "c" * 40)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if with_content:
                self.wfile.write(content[: served.cut])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    served.url = f"http://127.0.0.1:{server.server_port}"
    served.stop = stop
    yield served
    if thread.is_alive():
        stop()


@pytest.fixture
def write_weights(
    tmp_path: Path, imagenet_state: dict[str, Tensor]
) -> Callable[[str, dict[str, Tensor] | None], Path]:
    """Writes a state dict in the format that the name's ending says."""

    def write(name: str, state: dict[str, Tensor] | None = None) -> Path:
        state = imagenet_state if state is None else state
        path = tmp_path / name
        if path.suffix == ".safetensors":
            path.write_bytes(save({key: tensor.contiguous() for key, tensor in state.items()}))
        else:
            torch.save(state, path)
        return path

    return write
