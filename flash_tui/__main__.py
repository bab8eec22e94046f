"""`python -m flash_tui` is `flash-tui`."""

from __future__ import annotations

from flash_tui.cli.main import main

if __name__ == "__main__":
    main()
