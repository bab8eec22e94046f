from __future__ import annotations

from pathlib import Path

import pytest

from flash_tui.settings import read_settings


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"FLASH_TUI_HOME": str(tmp_path / "home")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "photo-shop"
    folder.mkdir()
    return folder


def test_an_app_is_named_like_its_folder_unless_told(project: Path, environ: dict[str, str]) -> None:
    assert read_settings(project, environ).app == "photo-shop"
    (project / "pyproject.toml").write_text('[tool.flash-tui]\napp = "shop"\n')
    assert read_settings(project, environ).app == "shop"
    assert read_settings(project, environ | {"FLASH_TUI_APP": "stall"}).app == "stall"
    assert read_settings(project, environ | {"FLASH_TUI_APP": "stall"}, app="booth").app == "booth"


def test_the_last_stage_of_several_is_protected(project: Path, environ: dict[str, str]) -> None:
    settings = read_settings(project, environ)
    assert settings.rules("production").protected
    assert not settings.rules("dev").protected


def test_a_pipeline_of_one_stage_is_not_protected(project: Path, environ: dict[str, str]) -> None:
    (project / "pyproject.toml").write_text('[tool.flash-tui]\npipeline = ["live"]\n')
    assert not read_settings(project, environ).rules("live").protected


def test_a_project_may_lift_and_set_protection(project: Path, environ: dict[str, str]) -> None:
    (project / "pyproject.toml").write_text(
        "[tool.flash-tui.environments.production]\nprotected = false\n"
        "[tool.flash-tui.environments.staging]\nprotected = true\n"
    )
    settings = read_settings(project, environ)
    assert not settings.rules("production").protected
    assert settings.rules("staging").protected


def test_a_broken_file_is_named_with_its_line_and_stops_nothing(project: Path, environ: dict[str, str]) -> None:
    (project / "pyproject.toml").write_text("[tool.flash-tui]\napp = \n")
    settings = read_settings(project, environ)
    assert settings.app == "photo-shop"
    assert "pyproject.toml" in settings.problems[0]
    assert "line 2" in settings.problems[0]


@pytest.mark.parametrize(
    "table", ["tool = 3", "[tool]\nflash-tui = []", '[tool.flash-tui]\npipeline = "dev"\nwatch = 1']
)
def test_values_of_the_wrong_kind_leave_the_defaults(project: Path, environ: dict[str, str], table: str) -> None:
    (project / "pyproject.toml").write_text(table)
    assert read_settings(project, environ).pipeline.stages == ("dev", "staging", "production")


def test_a_persons_file_sets_keys_and_theme(project: Path, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "settings.toml").write_text(
        'theme = "flash-light"\n[keymap]\n"environment.promote" = "ctrl+y"\n'
    )
    settings = read_settings(project, environ)
    assert settings.theme == "flash-light"
    assert settings.keymap == {"environment.promote": "ctrl+y"}


def test_plain_signs_can_be_asked_for(project: Path, environ: dict[str, str]) -> None:
    assert not read_settings(project, environ).ascii
    assert read_settings(project, environ | {"FLASH_TUI_ASCII": "1"}).ascii


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('pipelines = ["dev"]', "no setting is called pipelines"),
        ('pipeline = "dev"', "pipeline is a list of texts"),
        ("pipeline = []", "once, and one at least"),
        ('pipeline = ["dev", "dev"]', "once, and one at least"),
        ('pipeline = ["dev", 3]', "pipeline is a list of texts"),
        ("app = 3", "app is text"),
        ("watch = { settle_ms = true }", "watch.settle_ms is a whole number"),
        (
            "environments = { production = { protcted = true } }",
            "no setting is called environments.production.protcted",
        ),
    ],
)
def test_a_setting_that_means_nothing_is_named(
    project: Path, environ: dict[str, str], table: str, problem: str
) -> None:
    (project / "pyproject.toml").write_text(f"[tool.flash-tui]\n{table}\n")
    settings = read_settings(project, environ)
    assert problem in " ".join(settings.problems)
    assert settings.pipeline.stages == ("dev", "staging", "production")
    assert settings.rules("production").protected


def test_good_settings_are_no_problem(project: Path, environ: dict[str, str]) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.flash-tui]\npipeline = ["a", "b"]\n'
        '[tool.flash-tui.watch]\nignore = ["x"]\n[tool.flash-tui.environments.a]\nprotected = true\n'
    )
    assert read_settings(project, environ).problems == ()
