"""Whether file events can be trusted where a folder lies.

Network and shared file systems report nothing, or only what this machine wrote. Source: issues of watchfiles, notify,
WSL (#4739) and Docker Desktop; proc(5) for the format of mountinfo.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

SILENT = frozenset(
    {"9p", "drvfs", "v9fs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "vboxsf", "afs", "ceph", "fakeowner"}
)
TRUSTED = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "f2fs", "bcachefs", "apfs"})
_MOUNT_POINT, _MIN_FIELDS = 4, 6


@dataclass(frozen=True, slots=True)
class FileSystem:
    """The file system a folder lies on. `trusted` None: unknown, find out by trying."""

    name: str
    trusted: bool | None


def file_system_of(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> FileSystem:
    """The file system under `folder`, which is resolved already."""
    if sys.platform == "darwin":
        return FileSystem("apfs", trusted=True)
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return FileSystem("unknown", trusted=None)
    best = ("", "unknown")
    for line in lines:
        fields, _, behind = line.partition(" - ")
        words = fields.split()
        if len(words) < _MIN_FIELDS or not behind:
            continue
        point = words[_MOUNT_POINT].encode().decode("unicode_escape")
        inside = point == "/" or str(folder) == point or str(folder).startswith(point + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, behind.split()[0])
    name = best[1]
    if name in SILENT or name.startswith("fuse"):
        return FileSystem(name, trusted=False)
    return FileSystem(name, trusted=True if name in TRUSTED else None)
