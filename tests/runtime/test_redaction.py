"""Nothing that a program says shows a secret, or the folder in which its files lie only for us."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from flash_tui.runtime.redaction import HIDDEN, Redactor, relative_to, secrets_in, secrets_in_file


@pytest.mark.parametrize(
    "text",
    [
        "key s3cret-token!",
        "Authorization: Bearer hunter2hunter2",
        "authorization: basic hunter2hunter2",
        "{'authorization': 'hunter2hunter2'}",
        "PUT /artifacts/a?expires=1&signature=hunter2hunter2 HTTP/1.1",
        "the key rpa_ABCDEFGHIJKLMNOP1234 was used",
        "cannot reach postgres://shop:hunter2hunter2@db/shop",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    clean = Redactor("s3cret-token").clean(text)
    assert HIDDEN in clean
    assert not any(secret in clean for secret in ("s3cret", "hunter2", "ABCDEF"))


def test_ordinary_text_stays() -> None:
    text = "GET /v2/ep1/run?wait=1 answered 200 in 3 ms; authorization is needed"
    assert Redactor("s3cret-token").clean(text) == text


def test_log_records_and_their_tracebacks_are_cleaned(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(Redactor("s3cret-token"))
    try:
        int("s3cret-token")
    except ValueError:
        logging.getLogger("x").exception("with %s", "s3cret-token")
    assert "s3cret-token" not in caplog.text
    assert "ValueError" in caplog.text


@pytest.mark.parametrize(
    "name", ["RUNPOD_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "DB_PWD", "apikey", "SENTRY_DSN"]
)
def test_variables_are_secrets_by_their_names(name: str) -> None:
    assert secrets_in({name: "hunter2"}) == ("hunter2",)


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "PATH", "LEVEL", "SSH_AUTH_SOCK", "AWS_SHARED_CREDENTIALS_FILE"])
def test_variables_that_hold_no_secret_are_none(name: str) -> None:
    assert secrets_in({name: "/home/me"}) == ()


def test_short_values_are_left_alone() -> None:
    assert Redactor("true", "").clean("it is true") == "it is true"


def test_a_secret_is_hidden_in_json_and_line_by_line() -> None:
    clean = Redactor('pass"word\\1', "BEGIN KEY\nMIIEvQIBADAN\nEND KEY").clean
    assert json.loads(clean(json.dumps({"error": 'no pass"word\\1'}))) == {"error": f"no {HIDDEN}"}
    assert clean("line MIIEvQIBADAN of it") == f"line {HIDDEN} of it"


def test_hiding_keeps_json_whole() -> None:
    text = json.dumps({"error": 'sent "Authorization: Bearer hunter2hunter2"'})
    assert json.loads(Redactor().clean(text)) == {"error": f'sent "Authorization: Bearer {HIDDEN}"'}


def test_an_env_file_is_read_with_its_quotes_and_comments(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nA_KEY='one # two'\nexport B_TOKEN = three  # four\nLEVEL=1\nnonsense\n")
    assert secrets_in_file(file) == ("one # two", "three")
    assert secrets_in_file(tmp_path / "none") == ()


def test_files_are_named_relative_to_their_project(tmp_path: Path) -> None:
    project, link = tmp_path / "project", tmp_path / "link"
    project.mkdir()
    link.symlink_to(project)
    clean = relative_to(link)
    assert clean(f"{link}/shop/a.py and {project}/b.py") == "shop/a.py and b.py"
    assert clean(f"in {project}: '{link}-2/c.py'") == f"in .: '{link}-2/c.py'"
