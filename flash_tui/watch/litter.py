"""Files that editors and sync tools leave beside the one that is saved.

They are packed as the official tool packs them, but a change of one alone is no save.
"""

from __future__ import annotations

import re

_LITTER = re.compile(
    r"""
      4913                      # vim: may I create files here?
    | .*~                       # vim, emacs: backups
    | \..*\.sw[a-z]             # vim: swap files
    | \.\#.* | \#.*\#           # emacs: lock, auto-save
    | .*___jb_(tmp|old|bak)___  # JetBrains: safe write
    | \.DS_Store | Thumbs\.db
    | \.goutputstream-.*        # GTK
    | \.~lock\..*\#             # LibreOffice
    | .*\.kate-swp
    | \.syncthing\..*\.tmp | ~syncthing~.*\.tmp
    | .*\.crswap | .*\.tmp\.\d+\.\d+
    """,
    re.VERBOSE,
)


def is_litter(path: str) -> bool:
    """Whether the last part of `path` (with `/`) is a name that a tool gives to its own files."""
    return _LITTER.fullmatch(path.rpartition("/")[2]) is not None
