"""Our own dialect over the real app: documents in, documents out, errors with a code and a hint."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.local.extension.builds import split_upload
from flash_tui.local.extension.events import stream
from flash_tui.local.store.builds import mark_gone
from flash_tui.models.build import Build, BuildUpload
from flash_tui.models.deployment import ReleaseRequest
from flash_tui.models.endpoint import Worker
from flash_tui.models.errors import UsageError
from flash_tui.models.events import EVENT, AppGone, BuildChanged, EnvironmentChanged, Event
from flash_tui.models.identifiers import WorkerId
from flash_tui.models.states import Cause, WorkerState
from tests.local.layer_doubles import DEPENDENCIES, an_upload
from tests.local.service_doubles import Bench
from tests.local.state_builders import a_digest, a_load_balanced_resource, a_manifest, a_record, a_resource
from tests.local.test_journal import a_line

pytestmark = pytest.mark.anyio

V1 = "/flash-tui/v1"
SHOP = {"name": "shop", "environments": ["dev", "staging", "production"]}


def upload_body(upload: BuildUpload, tail: bytes) -> bytes:
    head = upload.model_dump_json().encode()
    return struct.pack(">I", len(head)) + head + tail


async def get(bench: Bench, path: str, status: int = 200, **params: str) -> Any:
    answer = await bench.http.get(V1 + path, params=params)
    assert answer.status_code == status, answer.text
    return answer.json()


async def a_shop(bench: Bench) -> dict[str, Any]:
    answer = await bench.http.post(f"{V1}/apps", json=SHOP)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def a_build(bench: Bench, text: str = "print(1)\n", **resources: dict[str, Any]) -> Build:
    upload, tail = an_upload(bench.layers, text=text, **resources)
    answer = await bench.http.post(f"{V1}/builds", content=upload_body(upload, tail))
    assert answer.status_code == 201, answer.text
    return Build.model_validate_json(answer.content)


async def release(bench: Bench, build: Build | None, environment: str = "dev", cause: Cause = Cause.DEPLOY) -> Any:
    environment_id = (await get(bench, f"/apps/shop/environments/{environment}"))["id"]
    request = ReleaseRequest(environment_id=environment_id, build_id=build and build.id, cause=cause)
    answer = await bench.http.post(f"{V1}/releases", content=request.model_dump_json())
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()


async def test_capabilities_are_announced(bench: Bench) -> None:
    assert set((await get(bench, "/capabilities"))["capabilities"]) == {
        *("releases", "events", "history", "logs", "layers", "versions")
    }


async def test_an_app_is_created_once_with_its_environments_pending(bench: Bench) -> None:
    assert (await a_shop(bench))["environments"] == SHOP["environments"]
    assert await a_shop(bench) == await get(bench, "/apps/shop")
    states = [(one["name"], one["state"]) for one in await get(bench, "/apps/shop/environments")]
    assert states == [("dev", "pending"), ("staging", "pending"), ("production", "pending")]


async def test_a_build_in_parts_is_registered_once(bench: Bench) -> None:
    await a_shop(bench)
    build = await a_build(bench)
    upload, tail = an_upload(bench.layers, text="print(1)\n")
    again = await bench.http.post(f"{V1}/builds", content=upload_body(upload, tail))
    assert (again.status_code, again.json()["id"]) == (200, build.id)
    assert [one["version"] for one in await get(bench, "/apps/shop/builds")] == [1]
    assert (await get(bench, f"/apps/shop/builds/{build.id}"))["digest"] == upload.digest


async def test_a_layer_that_the_store_lacks_is_named(bench: Bench) -> None:
    await a_shop(bench)
    upload, tail = an_upload(bench.layers)
    (bench.layers.root / DEPENDENCIES).rename(bench.layers.root / "elsewhere")
    answer = await bench.http.post(f"{V1}/builds", content=upload_body(upload, tail))
    assert answer.status_code == 404
    assert (answer.json()["error"]["code"], answer.json()["error"]["where"]) == ("not_found", f"layer {DEPENDENCIES}")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\x00\x00\x00\x09{}", 400),
        (b"\x00\x00\x00\x02{}", 400),
        (b"\xff\xff\xff\xff", 400),
    ],
)
async def test_a_body_that_is_no_build_is_refused(bench: Bench, body: bytes, status: int) -> None:
    answer = await bench.http.post(f"{V1}/builds", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "usage")


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda raw: struct.pack(">I", len(raw)) + raw))
def test_no_bytes_break_the_reader_of_builds(body: bytes) -> None:
    with pytest.raises(UsageError):
        split_upload(body)


@given(st.binary(max_size=50))
def test_what_follows_the_head_of_a_build_is_its_tail(tail: bytes) -> None:
    upload = BuildUpload(app="shop", digest=a_digest("x"), size_bytes=1, record=a_record(), manifest=a_manifest())
    assert split_upload(upload_body(upload, tail)) == (upload, tail)


async def test_a_manifest_that_is_none_is_refused_before_anything_is_stored(bench: Bench) -> None:
    await a_shop(bench)
    upload, tail = an_upload(bench.layers)
    hostile = upload.model_copy(update={"manifest": {"resources": {"../x": a_resource()}}})
    answer = await bench.http.post(f"{V1}/builds", content=upload_body(hostile, tail))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "build_failed")
    assert await get(bench, "/apps/shop/builds") == []


async def test_a_release_shows_in_environment_builds_and_history(bench: Bench) -> None:
    await a_shop(bench)
    build = await a_build(bench, resize=a_resource(workersMax=3), web=a_load_balanced_resource())
    record = await release(bench, build)
    assert (await get(bench, f"/releases/{record['id']}", wait_s="1"))["outcome"] == "succeeded"
    dev = await get(bench, "/apps/shop/environments/dev")
    assert (dev["state"], dev["build"]["version"]) == ("deployed", 1)
    resize, web = dev["endpoints"]
    assert resize["url"] == f"http://127.0.0.1:5000/v2/{resize['id']}"
    assert (web["url"], web["routes"]) == (f"http://127.0.0.1:5000/lb/{web['id']}", ["GET /hello"])
    assert (await get(bench, "/apps/shop/builds"))[0]["runs_in"] == ["dev"]
    assert [one["id"] for one in await get(bench, "/apps/shop/deployments", environment="dev")] == [record["id"]]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], "healthy"),
        ([WorkerState.INITIALIZING], "starting"),
        ([WorkerState.INITIALIZING, WorkerState.UNHEALTHY], "unhealthy"),
        ([WorkerState.UNHEALTHY, WorkerState.IDLE], "healthy"),
        ([WorkerState.RUNNING, WorkerState.OUTDATED], "healthy"),
    ],
)
async def test_the_state_of_an_endpoint_follows_its_workers(
    bench: Bench, states: list[WorkerState], expected: str
) -> None:
    await a_shop(bench)
    await release(bench, await a_build(bench))
    (endpoint,) = (await get(bench, "/apps/shop/environments/dev"))["endpoints"]
    bench.live.running[endpoint["id"]] = tuple(
        Worker(id=WorkerId(f"w-{state}"), state=state, build=1, error="why" if state == "unhealthy" else None)
        for state in states
    )
    (shown,) = (await get(bench, "/apps/shop/environments/dev"))["endpoints"]
    assert (shown["state"], shown["error"]) == (expected, "why" if expected == "unhealthy" else None)


async def test_a_resource_of_the_cloud_is_shown_as_such(bench: Bench) -> None:
    await a_shop(bench)
    await release(bench, await a_build(bench, vllm=a_resource(client_mode=True, gpuIds="ADA_24")))
    (endpoint,) = (await get(bench, "/apps/shop/environments/dev"))["endpoints"]
    assert (endpoint["state"], endpoint["hardware"]) == ("cloud_only", "ADA_24")


async def test_a_conflict_is_409_and_says_what_serves(bench: Bench) -> None:
    await a_shop(bench)
    build = await a_build(bench)
    dev = await get(bench, "/apps/shop/environments/dev")
    request = ReleaseRequest(
        environment_id=dev["id"],
        build_id=build.id,
        cause=Cause.PROMOTE,
        expected_build_id=build.id,
        check_expected=True,
    )
    answer = await bench.http.post(f"{V1}/releases", content=request.model_dump_json())
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert "serves nothing" in answer.json()["error"]["what"]


async def test_a_build_is_read_back_whole_and_file_by_file(bench: Bench) -> None:
    await a_shop(bench)
    build = await a_build(bench, text="print('deep')\n")
    artifact = await bench.http.get(f"{V1}/builds/{build.id}/artifact")
    assert (artifact.headers["content-type"], len(artifact.content)) == ("application/gzip", build.size_bytes)
    paths = [file["path"] for file in await get(bench, f"/builds/{build.id}/files")]
    assert paths == ["flash_manifest.json", "handler_resize.py", "lib/deep.py", "worker.py"]
    assert (await bench.http.get(f"{V1}/builds/{build.id}/files/worker.py")).text == "print('deep')\n"
    assert list((await get(bench, f"/builds/{build.id}/manifest"))["resources"]) == ["resize"]


@pytest.mark.parametrize("path", ["../../platform.sqlite3", "%2e%2e/x", "/etc/passwd", "lib", "nothing.py"])
async def test_no_file_outside_of_the_build_is_shown(bench: Bench, path: str) -> None:
    await a_shop(bench)
    build = await a_build(bench)
    answer = await bench.http.get(f"{V1}/builds/{build.id}/files/{path}")
    assert answer.status_code == 404


async def test_a_collected_build_is_listed_as_gone_and_has_no_files(bench: Bench) -> None:
    await a_shop(bench)
    build = await a_build(bench)
    await bench.services.store.transact(lambda c: mark_gone(c, frozenset({build.id})))
    assert (await get(bench, "/apps/shop/builds"))[0]["gone"]
    assert "gone" in (await get(bench, f"/builds/{build.id}/files", 404))["error"]["what"]


async def test_an_environment_that_is_deleted_leaves_its_history(bench: Bench) -> None:
    await a_shop(bench)
    await release(bench, await a_build(bench))
    dev = await get(bench, "/apps/shop/environments/dev")
    assert (await bench.http.delete(f"{V1}/apps/shop/environments/dev")).status_code == 200
    assert set(bench.releases.forgotten) == {dev["id"]}
    assert (await get(bench, "/apps/shop"))["environments"] == ["staging", "production"]
    assert len(await get(bench, "/apps/shop/deployments", environment="dev")) == 1


async def test_a_deleted_app_is_gone_and_its_name_is_free(bench: Bench) -> None:
    await a_shop(bench)
    await release(bench, await a_build(bench))
    assert (await bench.http.delete(f"{V1}/apps/shop")).status_code == 200
    assert "app not found" in (await get(bench, "/apps/shop", 404))["error"]["what"]
    assert (await a_shop(bench))["builds"] == 0


async def test_the_state_is_whole_and_narrowed_to_an_app(bench: Bench) -> None:
    await a_shop(bench)
    await bench.http.post(f"{V1}/apps", json={"name": "other", "environments": ["dev"]})
    await release(bench, await a_build(bench))
    everything, shop = await get(bench, "/state"), await get(bench, "/state", app="shop")
    assert [app["name"] for app in everything["apps"]] == ["other", "shop"]
    assert [app["name"] for app in shop["apps"]] == ["shop"]
    assert (len(everything["environments"]), len(shop["environments"])) == (4, 3)
    assert (len(shop["builds"]), len(shop["deployments"])) == (1, 1)


async def events_until(bench: Bench, cursor: int, is_last: Callable[[Event], bool]) -> list[Event]:
    """The stream's events, as they are on the wire, up to the first that `is_last`."""
    seen: list[Event] = []
    with anyio.fail_after(5):
        async for block in stream(bench.services.journal.subscribe(cursor)):
            if block.startswith(b":"):
                continue
            head, data = block.decode().rstrip().split("\n")
            assert int(head.removeprefix("id: ")) > cursor
            seen.append(EVENT.validate_json(data.removeprefix("data: ")))
            if is_last(seen[-1]):
                break
    return seen


async def test_events_bring_a_state_up_to_date(bench: Bench) -> None:
    await a_shop(bench)
    cursor = (await get(bench, "/state"))["cursor"]
    build = await a_build(bench)
    await release(bench, build)
    told = await events_until(bench, cursor, lambda event: isinstance(event, BuildChanged) and event.build.runs_in)
    deployed = [event.environment for event in told if isinstance(event, EnvironmentChanged)][-1]
    assert (deployed.state, deployed.build) == ("deployed", build.reference())
    assert {event.type for event in told} == {"build", "app", "deployment", "environment"}


async def test_the_event_route_streams_from_the_cursor_asked_for(bench: Bench) -> None:
    cursor = bench.services.journal.publish(AppGone(app="a"))
    bench.services.journal.publish(AppGone(app="b"))
    sent: list[bytes] = []
    has_data = anyio.Event()

    async def receive() -> dict[str, Any]:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("body", b""))
        if b"data: " in sent[-1]:
            has_data.set()

    scope = {"type": "http", "method": "GET", "path": f"{V1}/events", "query_string": f"after={cursor}".encode()}
    app: Any = bench.http._transport.app
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(app, {**scope, "headers": [], "root_path": ""}, receive, send)
            await has_data.wait()
            group.cancel_scope.cancel()
    data = next(body for body in sent if b"data: " in body).decode()
    assert f"id: {cursor + 1}\n" in data
    assert json.loads(data.split("data: ")[1]) == {"type": "app_gone", "app": "b"}


async def test_a_silent_stream_sends_comments(bench: Bench) -> None:
    blocks = stream(bench.services.journal.subscribe(), heartbeat_s=0.001)
    assert [await anext(blocks) for _ in range(3)] == [b": connected\n\n", b":\n\n", b":\n\n"]


async def test_logs_are_asked_for_by_time_and_place(bench: Bench) -> None:
    for number in range(5):
        bench.services.journal.log(a_line(str(number), after_s=number))
    lines = await get(bench, "/logs", app="shop", endpoint="resize", since="2026-01-01T00:00:03+00:00")
    assert [line["text"] for line in lines] == ["3", "4"]
    assert [line["text"] for line in await get(bench, "/logs", limit="1")] == ["4"]


@pytest.mark.parametrize(
    "path", ["/logs?since=yesterday", "/logs?limit=many", "/events?after=x", "/releases/none?wait_s=x"]
)
async def test_a_parameter_that_cannot_be_read_is_named(bench: Bench, path: str) -> None:
    answer = await bench.http.get(V1 + path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")


async def test_unknown_places_are_404_with_an_error_document(bench: Bench) -> None:
    for path in ("/apps/none", "/builds/none/manifest", "/releases/none", "/nothing", "/apps/none/environments/dev"):
        assert (await get(bench, path, 404))["error"]["what"]


async def test_jobs_of_nothing_are_none(bench: Bench) -> None:
    assert await get(bench, "/jobs", endpoint_id="epnone") == []
