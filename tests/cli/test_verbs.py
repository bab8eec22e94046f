"""The verbs against the real platform: documents, exit codes, prompts. One deployed app serves most tests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flash_tui.cli.main import run

APP = """\
from runpod_flash import Endpoint

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 1))


@api.get("/word")
async def word() -> dict:
    return {"word": "WORD"}


@api.post("/fail")
async def fail(text: str) -> dict:
    raise RuntimeError(text)


@Endpoint(name="jobs", cpu="cpu3c-1-2")
async def work(text: str = "") -> dict:
    if text == "bad":
        raise RuntimeError("this job cannot be done")
    return {"answer": text[::-1]}
"""


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Ran]


@pytest.fixture
def cli(platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setenv("FLASH_TUI_HOME", str(platform.home.root))
    monkeypatch.setenv("FLASH_TUI_LAYERS", str(platform.home.layers))

    def invoke(*words: str, cwd: Path | None = None, stdin: str = "") -> Ran:
        if cwd is not None:
            monkeypatch.chdir(cwd)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = run(words)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return invoke


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project; the first test deploys it, the others use what is there."""
    root = tmp_path_factory.mktemp("shop") / "verbs-shop"
    root.mkdir()
    (root / "api.py").write_text(APP)
    return root


@pytest.fixture
def deployed(cli: Cli, shop: Path) -> Path:
    """In dev: v1 and over it v2, which another test may have put elsewhere too."""
    if not cli("builds", "list", "--json", cwd=shop).out.startswith("[\n"):
        assert cli("deploy", cwd=shop).code == 0
        (shop / "api.py").write_text(APP.replace("WORD", "second"))
        assert cli("deploy", cwd=shop).code == 0
    return shop


def test_deploy_prints_the_contracts_document(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "api.py").write_text(APP)
    ran = cli("deploy", str(tmp_path), "--app", "verbs-deploy", "--json")
    assert ran.code == 0, ran.err
    document = ran.document
    assert list(document) == [
        "app",
        "environment",
        "state",
        "build",
        "previous_build",
        "endpoints",
        "deployment",
        "timings_ms",
    ]
    assert document["build"].keys() == {"id", "version", "digest", "size_bytes"}
    assert {tuple(sorted(item)) for item in document["endpoints"]} == {("id", "kind", "name", "state", "url")}
    assert document["deployment"]["outcome"] == "succeeded"
    again = cli("deploy", str(tmp_path), "--app", "verbs-deploy", "--json")
    assert (again.code, again.document["deployment"]) == (0, None)


def test_a_build_that_does_not_boot_prints_its_document_with_the_error(cli: Cli, tmp_path: Path) -> None:
    text = "import os\nif os.environ.get('FLASH_RESOURCE_NAME'):\n    raise RuntimeError('only there')\n"
    (tmp_path / "api.py").write_text(text + APP)
    ran = cli("deploy", str(tmp_path), "--app", "verbs-boot", "--json")
    assert ran.code == 1
    assert ran.document["state"] == "failed"
    assert ran.document["error"]["code"] == "boot_failed"
    assert "only there" in ran.err


def test_a_failure_before_the_platform_prints_the_error_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "api.py").write_text("def (:\n")
    ran = cli("deploy", str(tmp_path), "--json")
    assert (ran.code, list(ran.document)) == (1, ["error"])
    assert (ran.document["error"]["file"], ran.document["error"]["line"]) == ("api.py", 1)


def test_call_prints_the_output_alone_without_json(cli: Cli, deployed: Path) -> None:
    ran = cli("call", "api", "--route", "GET /word", cwd=deployed)
    assert (ran.code, json.loads(ran.out)) == (0, {"word": "second"})
    assert json.loads(cli("call", "jobs", '{"text": "abc"}', cwd=deployed).out) == {"answer": "cba"}


def test_call_takes_its_json_from_stdin_and_from_a_file(cli: Cli, deployed: Path, tmp_path: Path) -> None:
    assert json.loads(cli("call", "jobs", "-", cwd=deployed, stdin='{"text": "in"}').out) == {"answer": "ni"}
    (tmp_path / "input.json").write_text('{"text": "file"}')
    assert json.loads(cli("call", "jobs", f"@{tmp_path}/input.json", cwd=deployed).out) == {"answer": "elif"}


def test_a_failed_job_exits_1_with_its_text(cli: Cli, deployed: Path) -> None:
    ran = cli("call", "jobs", '{"text": "bad"}', "--json", cwd=deployed)
    assert ran.code == 1
    assert ran.document["status"] == "FAILED"
    assert "this job cannot be done" in ran.document["error"]


def test_a_status_of_400_and_up_exits_1(cli: Cli, deployed: Path) -> None:
    ran = cli("call", "api", "{}", "--route", "POST /fail", "--json", cwd=deployed)
    assert (ran.code, ran.document["status_code"]) == (1, 422)


@pytest.mark.parametrize(
    ("words", "code", "word"),
    [
        (["call", "api", "--json"], 2, "GET /word"),
        (["call", "jobs", "not json", "--json"], 2, "not JSON"),
        (["call", "nobody", "--json"], 3, "nobody"),
        (["env", "get", "nowhere", "--json"], 3, "nowhere"),
        (["app", "get", "nothing", "--json"], 3, "nothing"),
        (["rollback", "dev", "--to", "v99", "--json"], 3, "v99"),
        (["promote", "dev", "dev", "--json"], 2, "dev"),
        (["job", "get", "jobs", "none", "--json"], 3, "none"),
        (["volume", "delete", "none", "--json", "--yes"], 3, "none"),
        (["status", "--target", "nonsense", "--json"], 2, "nonsense"),
        (["status", "--target", "runpod", "--json"], 4, "key"),
        (["logs", "--since", "yesterday", "--json"], 2, "yesterday"),
        (["watch", "--env", "production", "--json"], 2, "protected"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_each_refusal_has_its_exit_code_and_says_what_is_meant(words, code, word, cli, deployed, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    ran = cli(*words, cwd=deployed)
    assert ran.code == code, ran.err
    assert word in ran.out


def test_an_unreachable_target_exits_5(cli: Cli, monkeypatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "any")
    ran = cli("app", "list", "--target", "http://127.0.0.1:9", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (5, "unreachable")


def test_a_protected_environment_asks_for_its_name(cli: Cli, deployed: Path) -> None:
    refused = cli("promote", "dev", "production", "--json", cwd=deployed)
    assert (refused.code, refused.document["error"]["code"]) == (2, "usage")
    assert "--yes" in refused.document["error"]["hint"]
    assert cli("env", "get", "production", "--json", cwd=deployed).document["build"] is None


def test_promote_moves_the_very_build_and_rollback_takes_it_back(cli: Cli, deployed: Path) -> None:
    plan = cli("promote", "--build", "v1", "--dry-run", "--json", cwd=deployed)
    assert list(plan.document) == ["app", "from", "to", "build", "replaces", "changes"]
    assert (plan.document["from"], plan.document["to"], plan.document["build"]["version"]) == ("dev", "staging", 1)
    first = cli("promote", "--build", "v1", "--json", cwd=deployed)
    second = cli("promote", "--json", cwd=deployed)
    assert [first.document["build"]["version"], second.document["build"]["version"]] == [1, 2]
    back = cli("rollback", "staging", "--json", cwd=deployed)
    assert back.document["build"]["version"] == 1
    again = cli("rollback", "staging", "--json", cwd=deployed)
    assert again.document["build"]["version"] == 2
    causes = [item["cause"] for item in cli("history", "staging", "--json", cwd=deployed).document]
    assert causes[:4] == ["rollback", "rollback", "promote", "promote"]


def test_all_the_way_goes_stage_by_stage(cli: Cli, deployed: Path) -> None:
    ran = cli("promote", "--all-the-way", "--yes", "--json", cwd=deployed)
    assert ran.code == 0, ran.err
    assert ran.document["environment"] == "production"
    builds = {item["name"]: item["build"]["version"] for item in cli("status", "--json", cwd=deployed).document}
    assert builds == {"dev": 2, "staging": 2, "production": 2}


def test_lists_have_the_contracts_keys_newest_first(cli: Cli, deployed: Path) -> None:
    builds = cli("builds", "list", "--json", cwd=deployed).document
    keys = ["id", "version", "digest", "source_digest", "size_bytes", "created_at", "runs_in", "gone"]
    assert list(builds[0]) == keys
    assert [build["version"] for build in builds] == [2, 1]
    environments = cli("env", "list", "--json", cwd=deployed).document
    assert [item["name"] for item in environments] == ["dev", "staging", "production"]
    keys = ["name", "id", "state", "error", "build", "endpoints", "volumes", "updated_at"]
    assert list(environments[0]) == keys
    endpoint = cli("endpoint", "get", "api", "--json", cwd=deployed).document
    assert list(endpoint) == ["name", "id", "kind", "url", "state", "workers", "jobs"]
    app = next(item for item in cli("app", "list", "--json").document if item["name"] == deployed.name)
    assert list(app) == ["id", "name", "environments", "builds"]
    history = cli("history", "--json", cwd=deployed).document
    keys = ["id", "environment", "cause", "from_build", "to_build", "started_at", "ended_at", "outcome", "error"]
    assert list(history[0]) == keys


def test_what_changed_between_two_builds_is_told(cli: Cli, deployed: Path) -> None:
    ran = cli("builds", "diff", "1", "v2", "--json", cwd=deployed)
    assert any("api.py" in change["name"] for change in ran.document["changes"])


def test_logs_are_one_object_a_line(cli: Cli, deployed: Path) -> None:
    lines = [json.loads(line) for line in cli("logs", "--json", cwd=deployed).out.splitlines()]
    assert list(lines[0]) == ["at", "endpoint", "worker", "build", "stream", "text"]


def test_jobs_are_listed_and_got(cli: Cli, deployed: Path) -> None:
    cli("call", "jobs", '{"text": "listed"}', cwd=deployed)
    newest = cli("job", "list", "jobs", "--json", cwd=deployed).document[0]
    assert newest["status"] == "COMPLETED"
    assert cli("job", "get", "jobs", newest["id"], "--json", cwd=deployed).document["id"] == newest["id"]


def test_volumes_are_made_listed_and_deleted(cli: Cli) -> None:
    made = cli("volume", "create", "verbs-models", "--size", "20", "--json").document
    assert made == {"id": made["id"], "name": "verbs-models", "size_gb": 20, "data_center": "EU-RO-1"}
    assert made in cli("volume", "list", "--json").document
    assert cli("volume", "delete", "verbs-models", "--yes").code == 0
    assert made not in cli("volume", "list", "--json").document


def test_an_environment_is_made_undeployed_and_deleted(cli: Cli, deployed: Path) -> None:
    assert cli("env", "create", "trial", cwd=deployed).code == 0
    assert cli("promote", "dev", "trial", cwd=deployed).code == 0
    assert cli("undeploy", "trial", cwd=deployed).code == 2
    assert cli("undeploy", "trial", "--yes", cwd=deployed).code == 0
    trial = cli("env", "get", "trial", "--json", cwd=deployed).document
    assert (trial["state"], trial["build"], trial["endpoints"]) == ("pending", None, [])
    assert cli("env", "delete", "trial", "--yes", cwd=deployed).code == 0
    assert cli("env", "get", "trial", cwd=deployed).code == 3


def test_status_tells_health_by_its_exit_code(cli: Cli, deployed: Path, tmp_path: Path) -> None:
    assert cli("status", cwd=deployed).code == 0
    text = "import os\nif os.environ.get('FLASH_RESOURCE_NAME'):\n    raise RuntimeError('only there')\n"
    (tmp_path / "api.py").write_text(text + APP)
    cli("deploy", str(tmp_path), "--app", "verbs-unwell")
    ran = cli("status", "--app", "verbs-unwell")
    assert ran.code == 1
    assert "failed" in ran.out


def test_build_writes_both_files_and_starts_no_platform(cli: Cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FLASH_TUI_HOME", str(tmp_path / "home"))
    project = tmp_path / "app"
    project.mkdir()
    (project / "api.py").write_text(APP)
    ran = cli("build", str(project), "--json")
    assert ran.code == 0, ran.err
    keys = ["path", "digest", "source_digest", "size_bytes", "resources", "timings_ms"]
    assert list(ran.document) == keys
    assert Path(ran.document["path"]) == project / ".flash" / "artifact.tar.gz"
    assert json.loads((project / ".flash" / "flash_manifest.json").read_text())["resources"].keys() == {"api", "jobs"}
    assert not (tmp_path / "home" / "platform" / "address.json").exists()
