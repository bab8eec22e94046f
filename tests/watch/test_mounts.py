"""Which file systems report file events."""

from __future__ import annotations

from pathlib import Path

import pytest

from flash_tui.watch.mounts import FileSystem, file_system_of

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:50 / /mnt/c rw,noatime - 9p C:\\134 rw
31 22 0:51 / /home/me/with\\040space rw - nfs4 server:/x rw
32 22 0:52 / /srv/odd rw - virtiofs tag rw
33 22 0:53 / /srv/mine rw - fuse.sshfs me@there rw
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/me/app", FileSystem("ext4", trusted=True)),
        ("/mnt/c/app", FileSystem("9p", trusted=False)),
        ("/mnt/cc", FileSystem("ext4", trusted=True)),
        ("/home/me/with space/app", FileSystem("nfs4", trusted=False)),
        ("/srv/odd/app", FileSystem("virtiofs", trusted=None)),
        ("/srv/mine", FileSystem("fuse.sshfs", trusted=False)),
    ],
)
def test_the_deepest_mount_decides(folder: str, expected: FileSystem, tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTINFO)
    assert file_system_of(Path(folder), mountinfo) == expected


def test_without_a_table_of_mounts_it_is_unknown(tmp_path: Path) -> None:
    assert file_system_of(Path("/x"), tmp_path / "none").trusted is None
