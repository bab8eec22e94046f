from __future__ import annotations

import os
from pathlib import Path

from flash_tui.paths import MAX_SOCKET_PATH_BYTES, find_home


def test_two_homes_never_meet(tmp_path: Path) -> None:
    one = find_home({"FLASH_TUI_HOME": str(tmp_path / "one")})
    two = find_home({"FLASH_TUI_HOME": str(tmp_path / "two")})
    assert not str(two.address_file).startswith(str(one.root))
    assert one.layers != two.layers


def test_the_layer_store_alone_can_be_shared(tmp_path: Path) -> None:
    environ = {"FLASH_TUI_HOME": str(tmp_path / "one"), "FLASH_TUI_LAYERS": str(tmp_path / "layers")}
    assert find_home(environ).layers == tmp_path / "layers"


def test_a_socket_path_always_fits_the_kernel(tmp_path: Path) -> None:
    deep = find_home({"FLASH_TUI_HOME": str(tmp_path.joinpath(*["a-rather-long-folder-name"] * 6))})
    assert len(os.fsencode(deep.socket("watch-0123456789abcdef.sock"))) <= MAX_SOCKET_PATH_BYTES + 30


def test_a_watch_is_named_by_the_real_folder_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "project")
    home = find_home({"FLASH_TUI_HOME": str(tmp_path)})
    assert home.watch_name(tmp_path / "link", "dev") == home.watch_name(tmp_path / "project", "dev")
    assert home.watch_name(tmp_path / "project", "dev") != home.watch_name(tmp_path / "project", "staging")
