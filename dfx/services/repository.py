"""What code an attempt ran: the revision, branch and changes of the working folder's repository.

It is read, never changed; keeping the patch is `dfx.services.provenance`'s work. Nothing raises
here: where git cannot say, the reason is recorded instead.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfx.services.redaction import is_code, may_hold_secrets, redact

PATCH_LIMIT = 20_000_000
"""Bytes; a larger patch is named by its digest and not kept."""

_FILE_LIMIT = 200_000
"""Bytes of an untracked file that is kept with the patch."""

_FILES_KEPT = 200
_FILES_NAMED = 100
_HASHED_BYTES = 100_000_000
"""Of all the untracked files that are named, as many are read for their digests."""

_DIFF = (
    # What the person has configured for reading must not decide what is recorded.
    *("-c", "core.quotePath=true", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false"),
    *("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--binary"),
)


_MODULES = "--ignore-submodules=dirty"
_CHANGED = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", _MODULES)


@dataclass(frozen=True, slots=True)
class Code:
    """The state of a repository.

    Attributes:
        described: Plain values for the record: `revision`, `branch` (None where the head is
            detached) and `patch` (digest of what is not committed, None where all is). Where there
            is something to say, also `patch_bytes`, `redacted` (what looked like a secret was taken
            out of it), `untracked` (path, bytes and digest of changed files that the patch leaves
            out: untracked ones, and of the tracked ones those that may hold secrets),
            `untracked_more` (how many more there are), `submodules` (path and revision; `+` after
            it where it is not what is committed) and `problem` (why git cannot say).
        patch: What `patch` is the digest of; empty where there is none.
        top: The folder of the checkout; None where git cannot say.
    """

    described: dict[str, Any]
    patch: bytes
    top: Path | None = None


def read_code(folder: Path, *, apart_from: Sequence[Path] = ()) -> Code | None:
    """Reads the state of the repository that a folder is in; None where it is in none.

    Args:
        folder: The working folder.
        apart_from: Folders whose untracked files are data, not code.
    """
    if not _is_in_repository(folder):
        return None
    root, problem = _git(folder, "rev-parse", "--show-toplevel")
    if root is None:
        return Code(_describe(problem=problem), b"")
    top = Path(os.path.realpath(os.fsdecode(root.removesuffix(b"\n"))))
    revision, _ = _git(top, "rev-parse", "--verify", "--quiet", "HEAD")
    branch, _ = _git(top, "symbolic-ref", "--quiet", "--short", "HEAD")
    # Before the first commit everything is a change to nothing; this is git's name for that.
    base = "HEAD" if revision else _text(_git(top, "hash-object", "-t", "tree", os.devnull)[0])
    changed, problem = _git(top, *_CHANGED, base or "HEAD", "--")
    secret = [name for name in _split(changed) if may_hold_secrets(name)]
    tracked = None
    if changed is not None:
        apart = [f":(exclude,literal){name}" for name in secret]
        tracked, problem = _git(top, *_DIFF, _MODULES, base or "HEAD", "--", ".", *apart)
    data = [path for each in apart_from for path in locate_folder(each)]
    added, left_out, more = _read_untracked(top, data, secret)
    raw = (tracked or b"") + added
    # What is not kept need not be gone through either, which takes a second per ten megabytes.
    patch = raw if len(raw) > PATCH_LIMIT else _redact_patch(raw)
    described = _describe(
        revision=_text(revision),
        branch=_text(branch),
        patch="sha256:" + hashlib.sha256(patch).hexdigest() if patch else None,
        patch_bytes=len(patch),
        redacted=patch != raw,
        untracked=left_out,
        untracked_more=more,
        submodules=_read_submodules(top),
        problem=problem if tracked is None else None,
    )
    return Code(described, patch, top)


def locate_patch(home: Path, digest: str) -> Path:
    """Where the patch of a digest is, if it was kept."""
    return home / ".patches" / f"{digest.removeprefix('sha256:')}.patch.gz"


def locate_folder(folder: Path) -> tuple[Path, Path]:
    """A folder as git names it, which follows no link, and what it is in truth."""
    real = Path(os.path.realpath(folder))
    if folder.name in {"", ".."}:
        return real, real
    return Path(os.path.realpath(folder.parent), folder.name), real


def _describe(**values: Any) -> dict[str, Any]:
    always = {"revision": None, "branch": None, "patch": None}
    return always | {name: value for name, value in values.items() if value}


def _is_in_repository(folder: Path) -> bool:
    """Whether there is a checkout, told without git, which may be missing or refuse."""
    here = folder.absolute()
    return any((above / ".git").exists() for above in (here, *here.parents))


def _read_untracked(
    top: Path, apart_from: Sequence[Path], secret: Sequence[str]
) -> tuple[bytes, list[dict[str, Any]], int]:
    """Untracked files that are not ignored: a patch that adds them, the others, and how many more.

    What is no text, large, or named as if it held secrets is not kept. Among the others are the
    tracked files of those names that were changed.
    """
    listed, _ = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    names = _split(listed)
    mine = [n for n in names if not any((top / n).is_relative_to(each) for each in apart_from)]
    patch, size, kept = b"", 0, 0
    left_out: list[dict[str, Any]] = []
    more, hashed = 0, 0
    for name in sorted([*mine, *secret]):
        data = None
        # To git, a dash alone is its stdin.
        may_keep = name != "-" and not may_hold_secrets(name)
        if may_keep and kept < _FILES_KEPT and size < PATCH_LIMIT:
            data = _read_text(top / name)
        if data is not None:
            # Found different, it ends with 1.
            added, _ = _git(top, *_DIFF, "--no-index", "--", os.devnull, name, fine=(0, 1))
            patch += added or b""
            size += len(data)
            kept += 1
        elif len(left_out) < _FILES_NAMED:
            entry = _name_file(top, name, may_read=_HASHED_BYTES - hashed)
            hashed += entry["bytes"] if entry["sha256"] else 0
            left_out.append(entry)
        else:
            more += 1
    return patch, left_out, more


def _read_text(path: Path) -> bytes | None:
    """The content of a small text file; None for any other."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _FILE_LIMIT:
            return None
        data = path.read_bytes()
        data.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if b"\0" in data else data


def _name_file(top: Path, name: str, *, may_read: int) -> dict[str, Any]:
    """What is recorded of a file that is not kept; a digest of a short secret would tell it."""
    path, sha256, size = top / name, None, 0
    try:
        size = path.lstat().st_size
        if path.is_file() and size <= may_read and not may_hold_secrets(name):
            with path.open("rb") as file:
                sha256 = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        pass  # it has gone, or is not ours to read: its name is what there is
    shown = os.fsencode(name).decode("utf-8", "backslashreplace")
    return {"path": redact(shown), "bytes": size, "sha256": sha256}


def _read_submodules(top: Path) -> dict[str, str]:
    if not (top / ".gitmodules").exists():
        return {}
    listed, _ = _git(top, "submodule", "status")
    found: dict[str, str] = {}
    for line in (listed or b"").decode("utf-8", "backslashreplace").splitlines():
        mark, rest = line[:1], line[1:].split(" ")
        found[" ".join(rest[1:]).partition(" (")[0]] = rest[0] + ("+" if mark == "+" else "")
    return found


def _redact_patch(patch: bytes) -> bytes:
    """A patch without what looks like a secret; what is not UTF-8 comes back as it was."""
    parts: list[str] = []
    for part in re.split(r"(?m)^(?=diff --git )", patch.decode("utf-8", "surrogateescape")):
        name = part.partition("\n")[0].rstrip('"')
        parts.append(redact(part, is_code=is_code(name)))
    return "".join(parts).encode("utf-8", "surrogateescape")


def _split(output: bytes | None) -> list[str]:
    """File names as git ends them with `-z`."""
    return [os.fsdecode(name) for name in (output or b"").split(b"\0") if name]


def _text(output: bytes | None) -> str | None:
    return output.decode("utf-8", "backslashreplace").strip() or None if output else None


def _git(
    folder: Path, *arguments: str, fine: Sequence[int] = (0,)
) -> tuple[bytes | None, str | None]:
    """What git prints, or None and why it does not."""
    program = shutil.which("git")
    if program is None:
        return None, "git is not installed"
    # It must neither take a lock, which could fail the person's own git, nor ask for a password.
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    quiet |= {"GIT_LITERAL_PATHSPECS": "0", "GIT_GLOB_PATHSPECS": "0", "GIT_ICASE_PATHSPECS": "0"}
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=folder,
            env=quiet,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"git {arguments[0]} took more than a minute"
    except OSError as error:
        return None, f"git cannot be run: {error.strerror or error}"
    if done.returncode in fine:
        return done.stdout, None
    said = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    return None, redact(said[0] if said else f"git ended with {done.returncode}")
