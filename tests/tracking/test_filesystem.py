"""A home on a network is noticed by the table of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfx.tracking import filesystem
from dfx.tracking.filesystem import find_file_system, find_network_file_system, parse_mount

TABLE = """\
22 1 0:20 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:30 / /net rw shared:2 - nfs4 server:/export rw,vers=4.2
31 30 0:31 / /net/scratch rw - xfs /dev/sdb1 rw
32 22 0:32 / /mnt/c rw - 9p C:\\134 rw
33 22 0:33 / /mnt/my\\040share rw - cifs //server/share rw
34 22 0:34 / /over rw - nfs server:/x rw
35 22 0:35 / /over rw - tmpfs tmpfs rw
36 22 0:36 / /sshfs rw - fuse.sshfs me@host: rw
37 22 0:37 / /usb rw - fuseblk /dev/sdc1 rw
this line is nothing
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    monkeypatch.setattr(filesystem, "_MOUNTS", table)


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/runs", None),
        ("/net/me/runs", "nfs4"),
        ("/net", "nfs4"),
        ("/network/runs", None),
        ("/net/scratch/runs", None),
        ("/mnt/c/Users/me/runs", "9p"),
        ("/mnt/my share/runs", "cifs"),
        ("/over/runs", None),
        ("/sshfs/runs", "fuse.sshfs"),
        ("/usb/runs", None),
    ],
)
def test_innermost_mount_decides(path: str, kind: str | None) -> None:
    """A folder need not exist yet, and a name that only begins alike is another place."""
    assert kind == find_network_file_system(Path(path))


def test_link_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounts: None) -> None:
    (tmp_path / "runs").symlink_to("/net/runs")

    assert find_network_file_system(tmp_path / "runs") == "nfs4"


def test_this_machine_is_told_truly(tmp_path: Path) -> None:
    """Where there is a table, or a `mount` to ask."""
    assert find_file_system(tmp_path)


def test_macos_table_is_understood() -> None:
    listed = "/dev/disk1s1 on / (apfs, local)\n//a@b/c on /Volumes/my (x) y (smbfs, nodev)\nmap x\n"

    assert parse_mount(listed) == [(Path("/"), "apfs"), (Path("/Volumes/my (x) y"), "smbfs")]
