"""What is recorded of where an attempt ran, and that no secret is."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import dfx
from dfx.cli.app import main
from dfx.services.provenance import describe_environment, list_packages

RECORDED = {
    *("dfx", "python", "platform", "torch", "cuda", "driver", "device", "card", "processor"),
    *("processes", "host", "command", "folder", "packages", "code"),
}

TINY_TOML = """\
[data]
image_size = 40
batch_size = 8
workers = 0
[model]
name = "test_efficientnet"
pretrained = false
[train]
epochs = 1
device = "cpu"
"""


def test_environment_is_complete_outside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dfx", "run", "--token", "Sx7Kq9ZfW2Lp4"])
    home = tmp_path / "runs"
    environment = describe_environment(torch.device("cpu"), home, data=tmp_path, processes=2)

    assert environment.keys() == RECORDED
    assert environment["code"] is None
    assert environment["command"] == ["dfx", "run", "--token", "***"]
    assert (environment["dfx"], environment["torch"]) == (dfx.__version__, torch.__version__)
    assert environment["packages"]["timm"]
    assert (environment["host"], environment["processes"]) == (socket.gethostname(), 2)
    assert environment["folder"] == str(tmp_path)
    assert environment["processor"]
    assert json.loads(json.dumps(environment)) == environment
    assert not home.exists()


def test_half_removed_package_is_passed_over(tmp_path: Path) -> None:
    for name, words in (("good", "Name: good\nVersion: 1\n"), ("torn", "")):
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info" / "METADATA").write_text(words)
    (tmp_path / "bare-1.dist-info").mkdir()

    assert list_packages([str(tmp_path)]) == {"good": "1"}


def plant(folder: Path) -> dict[str, str]:
    """A checkout with secrets wherever people leave them, and the environment with some more."""
    secrets = {
        name: f"S{name}x7Kq9ZfW2Lp4"
        for name in ("remote", "environment", "dotenv", "tracked", "netrc", "stored", "staged")
    }
    (folder / "settings.py").write_text("")
    (folder / "experiments").mkdir()
    (folder / "experiments" / "one.toml").write_text(TINY_TOML)
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
        ["remote", "add", "origin", f"https://me:{secrets['remote']}@example.org/x.git"],
        ["config", "http.extraHeader", f"Authorization: Bearer {secrets['stored']}"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / "settings.py").write_text(f'API_KEY = "{secrets["tracked"]}"\n')
    (folder / ".env").write_text(f"PASSWORD={secrets['dotenv']}\n")
    (folder / "prod.env").write_text(f"DOOR={secrets['staged']}\n")
    subprocess.run(["git", "add", "prod.env"], cwd=folder, check=True)
    (folder / ".netrc").write_text(f"machine example.org password {secrets['netrc']}\n")
    return secrets


def read_everything(home: Path) -> bytes:
    """All bytes of a home, compressed files as they are read too."""
    content = b""
    for path in home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            content += data + (gzip.decompress(data) if path.suffix == ".gz" else b"")
    return content


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_no_secret_gets_into_database_or_files(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """While what is worth knowing, the patch above all, is there."""
    folder = tmp_path / "project"
    folder.mkdir()
    secrets = plant(folder)
    for name in [name for name in os.environ if name.startswith("DFX_")]:
        monkeypatch.delenv(name)
    for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, secrets["environment"])
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["dfx", "run", "--name", "one", "--data", str(faces)])
    threads, handler = torch.get_num_threads(), signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        torch.set_num_threads(threads)
        signal.signal(signal.SIGINT, handler)
    said = "".join(capfd.readouterr())
    assert ended.value.code == 0, said
    content = read_everything(folder / "runs")

    assert [name for name, secret in secrets.items() if secret.encode() in content] == []
    assert [name for name, secret in secrets.items() if secret in said] == []
    assert b'+API_KEY = "***"' in content
    assert b'".env"' in content
