"""What is found of machines and homes that are not as they should be."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
import timm
import torch
from torch.nn import Parameter

from dfx.config import ModelConfig
from dfx.models.driver import Card
from dfx.records.findings import Finding, Level
from dfx.services import doctor, doctor_home, doctor_machine
from dfx.services.doctor_stack import judge_device
from dfx.tracking import filesystem
from dfx.tracking.store import RunStore

CARD = Card("NVIDIA GeForce RTX 4070 Ti", "550.54.14", 12 * 2**30, 11 * 2**30)
SEEN = {
    "name": CARD.name,
    "free_bytes": 11 * 2**30,
    "total_bytes": 12 * 2**30,
    "works": True,
    "bfloat16": True,
}
TORCH = {"version": "2.6.0", "cuda": "12.4", "cards": [SEEN], "mps": False, "mps_built": False}


def find(findings: Iterable[Finding], topic: str) -> Finding:
    (finding,) = (each for each in findings if each.topic == topic)
    return finding


def summarise(findings: Iterable[Finding]) -> dict[str, Level]:
    return {finding.topic: finding.level for finding in findings}


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DFX_DATABASE_URL", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without runs."""
    RunStore.open(tmp_path / "runs", create=True).close()
    return tmp_path / "runs"


def change(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        connection.execute(statement)
        connection.commit()


class TestHome:
    def test_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        findings = list(doctor_home.examine(tmp_path / "deep" / "runs"))

        assert set(summarise(findings).values()) <= {Level.OK, Level.WARNING}
        assert find(findings, "database").text == "none yet, made by the first run"
        assert list(tmp_path.iterdir()) == []

    def test_that_is_sound(self, home: Path) -> None:
        finding = find(doctor_home.examine(home), "database")

        assert finding.level is Level.OK
        assert (finding.values["runs"], finding.values["journal"]) == (0, "wal")

    @pytest.mark.parametrize(
        ("statement", "level", "advice"),
        [
            ("UPDATE dfx_alembic_version SET version_num = '0001'", Level.OK, None),
            (
                "UPDATE dfx_alembic_version SET version_num = '9999'",
                Level.PROBLEM,
                "pip install --upgrade dfx",
            ),
            (
                "INSERT INTO tags (run_id, tag) VALUES (7, 'x')",
                Level.PROBLEM,
                "put a backup in its place",
            ),
            ("PRAGMA journal_mode=DELETE", Level.WARNING, "the next command sets it"),
            ("DROP TABLE dfx_alembic_version", Level.PROBLEM, "name another home"),
        ],
    )
    def test_whose_database_is_not_as_it_should_be(
        self, home: Path, statement: str, level: Level, advice: str | None
    ) -> None:
        change(home, statement)
        before = (home / "dfx.db").read_bytes()
        finding = find(doctor_home.examine(home), "database")

        assert finding.level is level
        assert (advice or "") in (finding.advice or "")
        assert before == (home / "dfx.db").read_bytes()
        assert [path.name for path in home.iterdir()] == ["dfx.db"]

    def test_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "runs").write_text("")
        finding = find(doctor_home.examine(tmp_path / "runs"), "home")

        assert (finding.level, finding.text) == (Level.PROBLEM, f"{tmp_path}/runs is no folder")

    def test_on_a_network(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        table = home / "mounts"
        table.write_text(f"1 0 0:1 / {home.parent} rw - nfs4 server:/x rw\n")
        monkeypatch.setattr(filesystem, "_MOUNTS", table)
        finding = find(doctor_home.examine(home), "file system")

        assert finding.level is Level.WARNING
        assert "network file system (nfs4)" in finding.text
        assert "local disk" in str(finding.advice)

    def test_on_a_server_that_is_not_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And no password in what is said of it."""
        pytest.importorskip("psycopg", reason="needs the extra 'postgres'")
        monkeypatch.setenv("DFX_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/db")
        finding = find(doctor_home.examine(tmp_path), "database")

        assert finding.level is Level.PROBLEM
        assert "127.0.0.1:1/db cannot be used" in finding.text
        assert "secret" not in f"{finding}"

    def test_room_for_a_default_run_is_what_it_takes(self) -> None:
        """Three checkpoints of each kind, the larger ones with two moments of each parameter."""
        with torch.device("meta"):
            module = timm.create_model(ModelConfig().name, num_classes=2)
        state = sum(tensor.nbytes for tensor in module.state_dict().values())
        weights = sum(p.nbytes for p in module.parameters() if isinstance(p, Parameter))
        needed = 3 * state + 3 * (state + 2 * weights)

        assert needed < doctor_home.DEFAULT_RUN_BYTES < 1.1 * needed


class TestMachine:
    def test_small_shared_memory(self, tmp_path: Path) -> None:
        """As containers have it; measured where there is some, missed where there is none."""
        (gone,) = doctor_machine.examine_shared_memory(tmp_path / "none")
        (there,) = doctor_machine.examine_shared_memory(tmp_path)

        assert gone.level is Level.PROBLEM
        assert "data.workers=0" in str(gone.advice)
        assert there.values["needed_bytes"] > 64_000_000
        assert there.values["free_bytes"] <= shutil.disk_usage(tmp_path).total

    def test_few_open_files(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        try:
            (finding,) = doctor_machine.examine_open_files()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        assert (finding.level, finding.values) == (Level.WARNING, {"limit": 256})
        assert finding.advice == "ulimit -n 1024, before dfx"

    def test_git(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (outside,) = doctor_machine.examine_git()
        subprocess.run(["git", "init", "-q"], check=True)
        (tmp_path / "a.py").write_text("x")
        (inside,) = doctor_machine.examine_git()
        (tmp_path / ".git" / "HEAD").write_text("nonsense")
        (damaged,) = doctor_machine.examine_git()
        monkeypatch.setenv("PATH", str(tmp_path))
        (missing,) = doctor_machine.examine_git()

        assert "in no repository" in outside.text and outside.level is Level.OK
        assert inside.text.endswith("repository without a commit, with changes")
        assert damaged.level is Level.WARNING and "not a git repository" in damaged.text
        assert missing.level is Level.WARNING and "not installed" in missing.text

    def test_a_check_that_fails_is_a_finding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever it raises, the others are made."""

        def fall() -> Iterable[Finding]:
            raise OSError("the disk has fallen off")

        monkeypatch.setattr(doctor_machine, "examine_git", fall)
        monkeypatch.setattr(doctor.doctor_stack, "examine", lambda online: iter(()))
        findings = doctor.examine(None, online=False)

        assert find(findings, "git").level is Level.PROBLEM
        assert "OSError: the disk has fallen off" in find(findings, "git").text
        assert find(findings, "disk")


class TestDevice:
    def test_card_that_works(self) -> None:
        findings = list(judge_device(TORCH, (CARD,)))

        assert summarise(findings) == dict.fromkeys(("card", "driver", "precision"), Level.OK)
        assert find(findings, "card").text == f"cuda:0 {CARD.name}, 11.0 of 12.0 GiB free"
        assert find(findings, "driver").text == "CUDA 12.4 in torch, driver 550.54.14"

    @pytest.mark.parametrize(
        ("change", "level", "words"),
        [
            ({"free_bytes": 2**30}, Level.WARNING, "nvidia-smi"),
            ({"total_bytes": 6 * 2**30, "free_bytes": 5 * 2**30}, Level.WARNING, "--batch-size"),
            ({"works": False}, Level.PROBLEM, "--force-reinstall torch"),
        ],
    )
    def test_card_that_does_not_quite(
        self, change: dict[str, object], level: Level, words: str
    ) -> None:
        finding = find(judge_device({**TORCH, "cards": [{**SEEN, **change}]}, (CARD,)), "card")

        assert finding.level is level
        assert words in str(finding.advice)

    def test_card_that_torch_cannot_use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        without = {**TORCH, "cards": [], "cuda": None}
        problem = find(judge_device(without, (CARD,)), "card")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        hidden = find(judge_device(without, (CARD,)), "card")

        assert problem.level is Level.PROBLEM
        assert "torch 2.6.0 cannot use it" in problem.text
        assert "driver 550.54.14" in str(problem.advice)
        assert hidden.level is Level.WARNING

    def test_no_card(self) -> None:
        findings = list(judge_device({**TORCH, "cards": []}, ()))
        apple = list(judge_device({**TORCH, "cards": [], "mps": True}, ()))

        assert summarise(findings) == {"card": Level.WARNING, "precision": Level.OK}
        assert summarise(apple) == {"card": Level.OK, "precision": Level.OK}
