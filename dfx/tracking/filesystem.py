"""On what kind of file system a home lies: SQLite's log works only where memory can be shared."""

from __future__ import annotations

import subprocess
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = frozenset(
    {
        *("9p", "afp", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "gfs2"),
        *("gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "pvfs2"),
        *("smb2", "smb3", "smbfs", "vboxsf", "vmhgfs", "webdav", "wekafs"),
    }
)
"""Types whose files other machines may change; some would work, none is known to."""

_LOCAL_FUSE = frozenset({"fuse.ext2", "fuse.ntfs", "fuse.ntfs-3g", "fuse.exfat", "fuseblk"})


def find_file_system(path: Path) -> str | None:
    """The type of the file system that a path lies on, or will; None where it cannot be told."""
    real = path.expanduser().resolve()
    try:
        table = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return _find(parse_mount(_ask_mount()), real)
    return _find(parse_mountinfo(table), real)


def find_network_file_system(path: Path) -> str | None:
    """The type, where it is one of a network, or one that behaves so; else None."""
    kind = find_file_system(path)
    if kind is None:
        return None
    is_fuse = kind.startswith("fuse.") and kind not in _LOCAL_FUSE
    return kind if is_fuse or kind.lower() in _NETWORK else None


def parse_mountinfo(table: str) -> list[tuple[Path, str]]:
    r"""Where something is mounted, and its type, as Linux tells it.

    >>> parse_mountinfo("36 35 98:0 / /my\\040home rw shared:1 - nfs4 server:/x rw")
    [(PosixPath('/my home'), 'nfs4')]
    """
    found = []
    for line in table.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if dash and len(fields) >= 5:
            found.append((Path(_unescape(fields[4])), after.split(" ")[0]))
    return found


def parse_mount(listed: str) -> list[tuple[Path, str]]:
    """The same, as `mount` prints it on macOS.

    >>> parse_mount("//me@server/share on /Volumes/share (smbfs, nodev, nosuid)")
    [(PosixPath('/Volumes/share'), 'smbfs')]
    """
    found = []
    for line in listed.splitlines():
        where, opened, options = line.partition(" on ")[2].rpartition(" (")
        if opened:
            found.append((Path(where), options.rstrip(")").split(",")[0]))
    return found


def _find(mounts: list[tuple[Path, str]], path: Path) -> str | None:
    """The type of the innermost; of several at one place, the last one covers the others."""
    best: tuple[int, str] | None = None
    for where, kind in mounts:
        depth = len(where.parts)
        if path.is_relative_to(where) and (best is None or depth >= best[0]):
            best = depth, kind
    return best[1] if best else None


def _unescape(text: str) -> str:
    for code, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(code, character)
    return text


def _ask_mount() -> str:
    try:
        done = subprocess.run(["mount"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S607  # where it is differs
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
