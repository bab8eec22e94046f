"""The only entry into a user's interpreter: `PYTHON -I -S -X utf8 …/flash_tui/worker/boot.py CONTROL_FD`.

Without `-S` the interpreter's own site-packages would be visible to user code; what `site` adds for people is added
here. One finder answers for the single name `flash_tui`, so that user modules called `worker` or `protocol` find only
themselves. What to become (zygote, spare or a single worker) arrives over the control socket.
"""

from __future__ import annotations

import os
import sys

AT_START = frozenset(sys.modules)
"""What an interpreter has imported before it runs a line of a script: no user file can stand in for these."""


class OneName:
    """Finds `flash_tui` beside this file and nothing else."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.folder = folder

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> object:  # noqa: ARG002
        if fullname != self.name:
            return None
        from importlib.util import spec_from_file_location  # noqa: PLC0415 - at start-up importlib is not there yet

        return spec_from_file_location(
            fullname, os.path.join(self.folder, "__init__.py"), submodule_search_locations=[self.folder]
        )


def main() -> None:
    import site  # noqa: PLC0415 - with -S nobody has imported it; it changes nothing by itself

    site.setquit()  # type: ignore[attr-defined]
    site.setcopyright()  # type: ignore[attr-defined]
    site.sethelper()  # type: ignore[attr-defined]
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.meta_path.insert(0, OneName("flash_tui", package))  # type: ignore[arg-type]
    from flash_tui.worker import lifecycle  # noqa: PLC0415 - findable only now

    lifecycle.run(int(sys.argv[1]), os.path.abspath(__file__), AT_START)


if __name__ == "__main__":
    main()
