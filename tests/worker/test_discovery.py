"""Discovery: the official builder in a fork, and every way in which a user's module can go wrong in it."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import anyio
import pytest

from flash_tui.runtime.discovery import DiscoveryRequest, DiscoveryResult
from flash_tui.runtime.zygote import Zygote

pytestmark = pytest.mark.anyio

QUEUE = """
from runpod_flash import Endpoint

@Endpoint(name="{name}", cpu="cpu3c-1-2")
async def {function}(x: int = 0) -> dict:
    import {helper}
    return {{"x": x}}
"""
API = """
from runpod_flash import Endpoint
from shared import settings
print("importing api")
api = Endpoint(name="web-api", cpu="cpu3c-1-2", workers=(1, 2), env={"LEVEL": "1"})

@api.post("/echo")
async def echo(body: dict) -> dict:
    return body
"""
SAMPLE = {
    "api.py": API,
    "jobs.py": QUEUE.format(name="resize", function="resize", helper="shared.images"),
    "shared/__init__.py": "",
    "shared/settings.py": "import importlib\nunits = importlib.import_module('units')\n",
    "shared/images.py": "from . import pixels\n",
    "shared/pixels.py": "",
    "units.py": "",
    "unused.py": "",
}


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def written(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def is_running(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()


async def discover(zygote: Zygote, folder: Path, files: dict[str, str], **more: object) -> DiscoveryResult:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
    env = {"PATH": os.defpath, "HOME": str(folder.parent)}
    return await zygote.discover(DiscoveryRequest(folder, "demo", env=env, **more))  # type: ignore[arg-type]


async def test_manifest_and_handlers_are_the_official_ones(zygote: Zygote, app_dir: Path) -> None:
    result = await discover(zygote, app_dir, SAMPLE)
    assert result.error is None
    assert result.manifest["routes"] == {"web-api": {"POST /echo": "echo"}}
    assert result.manifest["resources"]["web-api"]["env"] == {"LEVEL": "1"}
    assert "def handler(job)" in result.generated["handler_resize.py"]
    assert "create_lb_handler" in result.generated["handler_web-api.py"]
    assert '"resize": {"resize"}' in result.generated["runpod_flash/runtime/_flash_resource_config.py"]


async def test_equal_sources_give_equal_results(zygote: Zygote, app_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    first, second = await discover(zygote, app_dir, SAMPLE), await discover(zygote, other, SAMPLE)
    assert (first.manifest, first.generated) == (second.manifest, second.generated)
    assert "Generated at: 1980-01-01T00:00:00Z" in first.generated["handler_resize.py"]


async def test_nothing_is_written_into_the_users_folder(zygote: Zygote, app_dir: Path) -> None:
    await discover(zygote, app_dir, SAMPLE)
    assert files_in(app_dir) == sorted(SAMPLE)


async def test_what_a_resource_reaches_counts_static_and_dynamic_imports(zygote: Zygote, app_dir: Path) -> None:
    result = await discover(zygote, app_dir, SAMPLE)
    assert result.reached == {
        "web-api": ["api.py", "shared/__init__.py", "shared/settings.py", "units.py"],
        "resize": ["jobs.py", "shared/__init__.py", "shared/images.py", "shared/pixels.py"],
    }


async def test_what_modules_print_is_kept(zygote: Zygote, app_dir: Path) -> None:
    files = {**SAMPLE, "unused.py": "import sys, warnings\nwarnings.warn('old')\nprint('two', file=sys.stderr)\n"}
    printed = (await discover(zygote, app_dir, files)).printed
    assert "importing api\n" in printed
    assert "unused.py:2: UserWarning: old" in printed
    assert str(app_dir) not in printed
    assert "Flash is moving" not in printed


@pytest.mark.parametrize(
    ("source", "what", "line"),
    [
        ("import os\n\nx = 1 / 0\n", "ZeroDivisionError: division by zero", 3),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3", 2),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt", 1),
        ("class Odd(BaseException): ...\n\nraise Odd('thing')\n", "broken.Odd: thing", 3),
        ("def f(:\n    pass\n", "SyntaxError: invalid syntax", 1),
        ("from no_such_package import x\n", "ModuleNotFoundError: No module named 'no_such_package'", 1),
        (
            "from runpod_flash import Endpoint\n\nEndpoint(name='x', cpu='cpu3c-1-2', gpu='any')\n",
            "ValueError: gpu and cpu are mutually exclusive",
            3,
        ),
    ],
)
async def test_a_module_that_raises_anything_fails_the_build_at_its_line(
    zygote: Zygote, app_dir: Path, source: str, what: str, line: int
) -> None:
    error = (await discover(zygote, app_dir, {**SAMPLE, "broken.py": source})).error
    assert error is not None
    assert (error.code, error.file, error.line) == ("build_failed", "broken.py", line)
    assert error.what.startswith(what)


async def test_an_error_names_files_relative_to_the_project(zygote: Zygote, app_dir: Path) -> None:
    files = {"a.py": "from words import nothing\n", "words.py": ""}
    error = (await discover(zygote, app_dir, files)).error
    assert error is not None
    assert error.what == "ImportError: cannot import name 'nothing' from 'words' (words.py)"
    assert str(app_dir) not in error.model_dump_json()


async def test_neither_error_nor_output_shows_a_secret(zygote: Zygote, app_dir: Path) -> None:
    env_file = app_dir.parent / "dot-env"
    env_file.write_text("HF_TOKEN=hunter2hunter2\n")
    source = "import os\nprint(os.environ['HF_TOKEN'])\nraise ValueError(os.environ['HF_TOKEN'])\n"
    result = await discover(zygote, app_dir, {"a.py": source}, env_file=env_file)
    assert result.error is not None
    assert (result.error.what, result.printed) == ("ValueError: [hidden]", "[hidden]\n")
    assert "hunter2" not in result.error.model_dump_json()


async def test_a_traceback_holds_the_users_frames_and_no_others(zygote: Zygote, app_dir: Path) -> None:
    files = {
        "a.py": "import helper\n",
        "helper.py": "import json\n\ndef read():\n    return json.loads('{')\n\nread()\n",
    }
    error = (await discover(zygote, app_dir, files)).error
    assert error is not None
    assert error.traceback is not None
    frames = [line.strip() for line in error.traceback.splitlines() if line.startswith("  File")]
    assert frames == [
        'File "a.py", line 1, in <module>',
        'File "helper.py", line 6, in <module>',
        'File "helper.py", line 4, in read',
    ]


async def test_failures_at_one_place_are_told_once(zygote: Zygote, app_dir: Path) -> None:
    files = {f"{name}.py": "import helper\n" for name in "abc"} | {"helper.py": "raise ValueError('one')\n"}
    error = (await discover(zygote, app_dir, {**files, "z.py": "raise TypeError('two')\n"})).error
    assert error is not None
    assert error.traceback is not None
    assert error.traceback.count("ValueError: one") == 1
    assert (error.where, error.hint) == ("helper.py:1", "also failing: z.py:1")


async def test_one_name_in_two_files_is_refused_in_the_official_words(zygote: Zygote, app_dir: Path) -> None:
    files = {f"{name}.py": QUEUE.format(name="same", function=name, helper="os") for name in ("one", "two")}
    error = (await discover(zygote, app_dir, files)).error
    assert error is not None
    assert error.what.startswith("endpoint 'same' is defined in multiple files: one.py, two.py.")
    assert (error.file, error.line) == ("two.py", 4)


async def test_an_import_of_an_ignored_file_is_refused_at_the_import(zygote: Zygote, app_dir: Path) -> None:
    project = app_dir.parent / "project"
    (project / "lib").mkdir(parents=True)
    (project / ".gitignore").write_text("lib/\n")
    (project / "lib" / "tools.py").write_text("")
    source = QUEUE.format(name="q", function="q", helper="lib.tools")
    (project / "jobs.py").write_text(source)
    error = (await discover(zygote, app_dir, {"jobs.py": source}, project=project)).error
    assert error is not None
    assert "lib/tools.py (imported by jobs.py)" in error.what
    assert (error.file, error.line) == ("jobs.py", 6)


async def test_a_module_that_hangs_is_killed_and_named_with_its_line(zygote: Zygote, app_dir: Path) -> None:
    files = {**SAMPLE, "stuck.py": "import time\n\ndef wait():\n    while True:\n        time.sleep(1)\n\nwait()\n"}
    error = (await discover(zygote, app_dir, files, timeout_s=1.0)).error
    assert error is not None
    assert error.what == "importing stuck.py did not end within 1 s"
    assert error.where == "stuck.py:5"


async def test_a_module_that_ends_the_process_is_named(zygote: Zygote, app_dir: Path) -> None:
    error = (await discover(zygote, app_dir, {**SAMPLE, "gone.py": "import os\nos._exit(7)\n"})).error
    assert error is not None
    assert (error.what, error.file) == ("the process ended while importing gone.py (exit code 7)", "gone.py")


async def test_a_failing_second_import_is_said_since_the_official_builder_hides_it(
    zygote: Zygote, app_dir: Path
) -> None:
    once = "import sys\nif hasattr(sys, 'seen'):\n    raise RuntimeError('twice')\nsys.seen = True\n"
    result = await discover(zygote, app_dir, {"q.py": once + QUEUE.format(name="q", function="q", helper="os")})
    assert result.error is None
    assert "q.py fails when it is imported a second time" in result.printed


async def test_the_projects_env_file_counts_in_discovery_without_overriding(zygote: Zygote, app_dir: Path) -> None:
    env_file = app_dir.parent / "dot-env"
    env_file.write_text("SIZE=7\nHOME=/elsewhere\nFLASH_IMAGE_TAG=mine\n")
    source = "import os\nprint(os.environ['SIZE'], os.environ['HOME'])\n" + SAMPLE["jobs.py"]
    result = await discover(zygote, app_dir, {"q.py": source}, env_file=env_file)
    assert f"7 {app_dir.parent}" in result.printed
    assert result.manifest["resources"]["resize"]["imageName"].endswith("mine")


async def test_a_cancelled_discovery_leaves_no_process(zygote: Zygote, app_dir: Path) -> None:
    reached = app_dir.parent / "reached"
    files = {"a.py": f"import os, time\nopen({str(reached)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n"}
    async with anyio.create_task_group() as group:
        group.start_soon(discover, zygote, app_dir, files)
        with anyio.fail_after(20):
            while not (pid := written(reached)):
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert not is_running(pid)


async def test_requirements_are_read_without_running_user_code(zygote: Zygote, app_dir: Path) -> None:
    (app_dir / "requirements.txt").write_text("# ours\nhttpx>=0.28\ntorch==2.9\n")
    (app_dir / "a.py").write_text("@Endpoint(name='a', dependencies=['numpy<3', 'httpx>=0.28'])\ndef f(): ...\n1/0\n")
    found = await zygote.requirements(app_dir)
    assert found.requirements == ("httpx>=0.28", "numpy<3")
    assert found.left_out == ("torch==2.9",)
