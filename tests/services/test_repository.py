"""What is recorded of the working folder's repository, whatever state it is in."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dfx.services import provenance, repository
from dfx.services.provenance import keep_patch
from dfx.services.repository import locate_patch, read_code

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, and nothing of the person's configuration but what disturbs most."""
    settings = tmp_path / "gitconfig"
    settings.write_text(
        '[user]\nname = a\nemail = a@example.org\n[protocol "file"]\nallow = always\n'
        "[diff]\nnoprefix = true\nexternal = false\n[color]\nui = always\n"
    )
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


def describe(folder: Path) -> dict[str, object]:
    code = read_code(folder)
    assert code is not None
    return code.described


def test_outside_a_checkout_there_is_no_code(tmp_path: Path) -> None:
    assert read_code(tmp_path) is None


def test_clean_checkout_is_its_revision(top: Path) -> None:
    (top / "a.py").write_text("x = 1\n")
    revision = commit(top)

    assert describe(top) == {
        "revision": revision,
        "branch": "main",
        "patch": None,
    }


def test_patch_takes_a_fresh_checkout_to_the_same_files(top: Path, tmp_path: Path) -> None:
    """Changed, removed, binary and untracked files, whatever they are called, from a subfolder."""
    (top / "sub").mkdir()
    for name in ("a.py", "gone.py", "sub/b.py"):
        (top / name).write_text("x = 1\n")
    (top / "data.bin").write_bytes(bytes(range(256)))
    (top / ".gitignore").write_text("*.log\n")
    commit(top)
    (top / "a.py").write_text("x = 2")
    (top / "gone.py").unlink()
    (top / "data.bin").write_bytes(bytes(range(255, -1, -1)))
    for name in ("sub/new file.py", "ü.py", "-dash.py", 'quo"te.py'):
        (top / name).write_text("y = 3")
    (top / "empty.py").touch()
    (top / "skipped.log").write_text("no")
    code = read_code(top / "sub")
    assert code is not None
    keep_patch(tmp_path / "home", code)
    keep_patch(tmp_path / "home", code)
    fresh = tmp_path / "fresh"
    git(tmp_path, "clone", "-q", str(top), str(fresh))
    patch = gzip.decompress(
        locate_patch(tmp_path / "home", str(code.described["patch"])).read_bytes()
    )
    subprocess.run(["git", "apply"], input=patch, cwd=fresh, check=True)

    def files(folder: Path) -> dict[str, bytes]:
        names = [path for path in folder.rglob("*") if ".git" not in path.parts and path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in names}

    assert files(fresh) == {k: v for k, v in files(top).items() if k != "skipped.log"}
    assert len(list((tmp_path / "home" / ".patches").iterdir())) == 1


def test_repository_without_a_commit_is_all_patch(top: Path) -> None:
    (top / "a.py").write_text("x = 1\n")
    git(top, "add", "a.py")
    (top / "b.py").write_text("x = 2\n")
    code = read_code(top)

    assert code is not None
    assert (code.described["revision"], code.described["branch"]) == (None, "main")
    assert "problem" not in code.described
    assert b"+x = 1" in code.patch and b"+x = 2" in code.patch


def test_detached_head_has_no_branch(top: Path) -> None:
    (top / "a.py").touch()
    revision = commit(top)
    git(top, "checkout", "-q", "--detach")

    assert describe(top)["revision"] == revision
    assert describe(top)["branch"] is None


def test_submodule_is_recorded_by_its_revision(top: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "i.py").touch()
    first = commit(inner)
    git(top, "submodule", "--quiet", "add", str(inner), "lib/in ner")
    commit(top)
    assert describe(top)["submodules"] == {"lib/in ner": first}
    (inner / "j.py").touch()
    second = commit(inner)
    git(top / "lib/in ner", "pull", "-q", "--no-rebase")

    assert describe(top)["submodules"] == {"lib/in ner": f"{second}+"}


def test_what_is_no_small_text_is_named_with_its_digest(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of what is named as a secret not even that; data and runs are no code at all."""
    (top / "image.png").write_bytes(b"\x89PNG\0")
    (top / "long.txt").write_text("x" * 300_000)
    (top / ".env").write_text("A=1")
    for folder in ("runs", "faces"):
        (top / folder).mkdir()
        (top / folder / "log.csv").write_text("1")
    monkeypatch.setattr(repository, "_FILES_NAMED", 2)
    code = read_code(top, apart_from=[top / "runs", top / "faces"])

    assert code is not None
    assert code.patch == b""
    untracked = code.described["untracked"]
    assert [(entry["path"], entry["bytes"]) for entry in untracked] == [
        (".env", 3),
        ("image.png", 5),
    ]
    assert untracked[0]["sha256"] is None
    assert untracked[1]["sha256"].startswith("sha256:")
    assert code.described["untracked_more"] == 1


def test_huge_patch_is_named_and_not_kept(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "a.txt").touch()
    commit(top)
    (top / "a.txt").write_text("line\n" * 1000)
    for module in (provenance, repository):
        monkeypatch.setattr(module, "PATCH_LIMIT", 4000)
    code = read_code(top)
    assert code is not None
    keep_patch(tmp_path / "home", code)

    assert code.described["patch_bytes"] > 4000
    assert str(code.described["patch"]).startswith("sha256:")
    assert not (tmp_path / "home").exists()


def test_missing_git_is_said(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(top))

    assert describe(top)["problem"] == "git is not installed"


def test_damaged_repository_is_said(top: Path) -> None:
    (top / ".git" / "HEAD").write_text("nonsense")

    assert "not a git repository" in str(describe(top)["problem"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_repository_of_somebody_else_is_said(top: Path) -> None:
    """As in a container with a mounted checkout: git refuses, and training does not."""
    os.chown(top, 65534, 65534)
    os.chown(top / ".git", 65534, 65534)

    assert "dubious ownership" in str(describe(top)["problem"])


def test_secrets_are_taken_out_of_the_patch(top: Path) -> None:
    (top / "settings.py").write_text("")
    commit(top)
    (top / "settings.py").write_text('TOKEN = "abcdefgh"\nx = 1\n')
    code = read_code(top)

    assert code is not None
    assert b"abcdefgh" not in code.patch
    assert b'+TOKEN = "***"\n+x = 1\n' in code.patch
    assert code.described["redacted"] is True


def test_tracked_file_that_holds_secrets_is_named_only(top: Path) -> None:
    """Staged, changed or removed; in the patch is all the rest."""
    for name in (".pgpass", "a.py", "[x].env", "gone.pem"):
        (top / name).write_text("old")
    commit(top)
    (top / ".pgpass").write_text("db:5432:prod:me:Tr0ub4dor")
    (top / "a.py").write_text("x = 1\n")
    (top / "x.env").write_text("DOOR=Tr0ub4dor")
    (top / "[x].env").write_text("DOOR=Tr0ub4dor")
    (top / "gone.pem").unlink()
    git(top, "add", "-A")
    (top / "sub").mkdir()
    code = read_code(top / "sub")

    assert code is not None
    assert b"Tr0ub4dor" not in code.patch
    assert code.patch.count(b"diff --git") == 1
    assert b"+x = 1" in code.patch
    assert [(each["path"], each["sha256"]) for each in code.described["untracked"]] == [
        (name, None) for name in (".pgpass", "[x].env", "gone.pem", "x.env")
    ]


def test_settings_are_gone_through_more_strictly_than_code(top: Path) -> None:
    for name in ("a.yaml", "a.py"):
        (top / name).write_text("password: correct-horse-battery\n")
    code = read_code(top)

    assert code is not None
    assert code.patch.count(b"+password: correct-horse-battery") == 1
    assert code.patch.count(b"+password: ***") == 1


@pytest.mark.parametrize("way", ["project/sub/../runs", "project/link", "linked/runs"])
def test_data_is_no_code_however_it_is_named(top: Path, tmp_path: Path, way: str) -> None:
    """By way of a folder above, or of a link to it or to the checkout."""
    (top / "sub").mkdir()
    (top / "runs").mkdir()
    (top / "runs" / "log.csv").write_text("1")
    (top / "runs" / "dfx.db").write_bytes(b"\0")
    (top / "link").symlink_to(top / "runs")
    (top / ".git" / "info" / "exclude").write_text("link\n")
    (tmp_path / "linked").symlink_to(top)
    code = read_code(top / "sub", apart_from=[tmp_path / way])

    assert code is not None
    assert (code.patch, code.described.get("untracked")) == (b"", None)


def test_link_to_the_data_is_no_code(top: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (top / "faces").symlink_to(tmp_path / "faces")
    code = read_code(top, apart_from=[top / "faces"])

    assert code is not None
    assert (code.patch, code.described.get("untracked")) == (b"", None)
