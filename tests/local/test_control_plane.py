"""The official control plane, driven by documents as the official clients write them."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from flash_tui.local.control.graphql_route import is_open
from flash_tui.local.control.schema import control_schema
from flash_tui.local.store.environments import find_environment
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import NotFound
from flash_tui.models.events import EnvironmentChanged
from flash_tui.models.identifiers import EnvironmentId
from flash_tui.models.states import Cause
from tests.local.layer_doubles import a_whole_file, an_upload
from tests.local.service_doubles import TOKEN, Bench
from tests.local.state_builders import a_load_balanced_resource, a_manifest, a_resource

pytestmark = pytest.mark.anyio

APP_BY_NAME = "query($n: String!) { flashAppByName(flashAppName: $n) { id name flashBuilds { id objectKey } } }"
CREATE_APP = "mutation($i: CreateFlashAppInput!) { createFlashApp(input: $i) { id name } }"
CREATE_ENVIRONMENT = "mutation($i: CreateFlashEnvironmentInput!) { createFlashEnvironment(input: $i) { id name } }"
ENVIRONMENT = """query($i: FlashEnvironmentByNameInput!) { flashEnvironmentByName(input: $i) {
    id name state activeBuildId endpoints { id name } networkVolumes { id name } } }"""
PREPARE = """mutation($i: PrepareFlashArtifactUploadInput!) {
    prepareFlashArtifactUpload(input: $i) { uploadUrl objectKey expiresAt } }"""
FINALIZE = "mutation($i: FinalizeFlashArtifactUploadInput!) { finalizeFlashArtifactUpload(input: $i) { id manifest } }"
DEPLOY = """mutation($i: DeployBuildToEnvironmentInput!) { deployBuildToEnvironment(input: $i) {
    id name activeArtifact { objectKey downloadUrl expiresAt } } }"""
SAVE = """mutation($i: EndpointInput!) { saveEndpoint(input: $i) { id name aiKey templateId flashEnvironmentId type
    workersMin workersMax idleTimeout scalerType scalerValue minCudaVersion allowedCudaVersions instanceIds version
    networkVolumeIds { networkVolumeId dataCenterId } flashBootType } }"""
SAVE_TEMPLATE = "mutation($i: SaveTemplateInput) { saveTemplate(input: $i) { id name env { key value } } }"
TEMPLATE = "query($id: String!) { podTemplate(id: $id) { id name imageName env { key value } } }"
ENDPOINT = "query($id: String!) { myself { endpoint(id: $id) { id } } }"
DELETE_ENDPOINT = "mutation($id: String!) { deleteEndpoint(id: $id) }"
BUILD = "query($i: String!) { flashBuild(flashBuildId: $i) { id manifest } }"
UPDATE = "mutation($i: UpdateFlashBuildManifestInput!) { updateFlashBuildManifest(input: $i) { id manifest } }"
LOGIN = "mutation createFlashAuthRequest { createFlashAuthRequest { id status expiresAt } }"
LOGIN_STATUS = "query($id: String!) { flashAuthRequestStatus(flashAuthRequestId: $id) { id status apiKey } }"


async def ask(bench: Bench, query: str, **variables: Any) -> dict[str, Any]:
    """The whole answer."""
    answer = await bench.http.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def do(bench: Bench, query: str, **variables: Any) -> Any:
    """The one root field of a good answer."""
    answer = await ask(bench, query, **variables)
    assert list(answer) == ["data"], answer
    return next(iter(answer["data"].values()))


async def refused(bench: Bench, query: str, **variables: Any) -> str:
    return (await ask(bench, query, **variables))["errors"][0]["message"]


async def an_app(bench: Bench, *environments: str) -> tuple[str, list[str]]:
    app = await do(bench, CREATE_APP, i={"name": "shop"})
    ids = [
        (await do(bench, CREATE_ENVIRONMENT, i={"flashAppId": app["id"], "name": name}))["id"] for name in environments
    ]
    return app["id"], ids


async def an_uploaded_build(bench: Bench, app_id: str, text: str = "x = 1\n", **resources: dict[str, Any]) -> str:
    """Prepare, PUT without a key, finalise."""
    upload, tail = an_upload(bench.layers, text=text, **resources)
    content = a_whole_file(bench.layers, bench.layers.root, upload, tail).read_bytes()
    prepared = await do(bench, PREPARE, i={"flashAppId": app_id, "tarballSize": len(content)})
    put = await bench.http.put(prepared["uploadUrl"], content=content, headers={"Authorization": ""})
    assert put.status_code == 200, put.text
    key, manifest = prepared["objectKey"], a_manifest(**resources)
    return (await do(bench, FINALIZE, i={"flashAppId": app_id, "objectKey": key, "manifest": manifest}))["id"]


async def save(bench: Bench, environment_id: str | None, name: str = "resize", **fields: Any) -> dict[str, Any]:
    template = {"name": "t", "imageName": "i", "env": [{"key": "A", "value": "1"}]}
    given = {"name": name, "type": "QB", "flashEnvironmentId": environment_id, "workersMax": 2} | fields
    if "templateId" not in given:
        given["template"] = template
    return await do(bench, SAVE, i={key: value for key, value in given.items() if value is not None})


async def test_an_unknown_app_is_an_error_in_the_words_the_client_looks_for(bench: Bench) -> None:
    assert "app not found" in await refused(bench, APP_BY_NAME, n="nobody")


async def test_an_unknown_environment_and_endpoint_are_null(bench: Bench) -> None:
    app_id, _ = await an_app(bench)
    assert await do(bench, ENVIRONMENT, i={"flashAppId": app_id, "name": "none"}) is None
    assert (await do(bench, ENDPOINT, id="epnone"))["endpoint"] is None
    assert "not found" in await refused(bench, BUILD, i="build_none")


async def test_an_upload_becomes_a_build_with_its_manifest_as_an_object(bench: Bench) -> None:
    app_id, _ = await an_app(bench)
    first = await an_uploaded_build(bench, app_id, "one")
    second = await an_uploaded_build(bench, app_id, "two")
    assert (await do(bench, BUILD, i=first))["manifest"] == a_manifest()
    listed = (await do(bench, APP_BY_NAME, n="shop"))["flashBuilds"]
    assert [build["id"] for build in listed] == [second, first]


async def test_an_upload_url_opens_one_method_for_one_file_only(bench: Bench) -> None:
    app_id, _ = await an_app(bench)
    prepared = await do(bench, PREPARE, i={"flashAppId": app_id, "tarballSize": 10})
    bare = {"Authorization": ""}
    assert (await bench.http.get(prepared["uploadUrl"], headers=bare)).status_code == 401
    other = prepared["uploadUrl"].replace(prepared["objectKey"], "x" * 32 + ".tar.gz")
    assert (await bench.http.put(other, content=b"x", headers=bare)).status_code == 401
    assert (await bench.http.put(prepared["uploadUrl"][:-1], content=b"x", headers=bare)).status_code == 401


async def test_an_upload_longer_than_announced_is_refused(bench: Bench) -> None:
    app_id, _ = await an_app(bench)
    prepared = await do(bench, PREPARE, i={"flashAppId": app_id, "tarballSize": 10})
    answer = await bench.http.put(prepared["uploadUrl"], content=b"\x1f\x8b" + b"x" * 20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")
    late = {"flashAppId": app_id, "objectKey": prepared["objectKey"], "manifest": a_manifest()}
    assert "has not been uploaded" in await refused(bench, FINALIZE, i=late)


async def test_deploying_a_build_releases_it_when_no_endpoint_is_saved(bench: Bench) -> None:
    app_id, (dev,) = await an_app(bench, "dev")
    build_id = await an_uploaded_build(bench, app_id)
    answer = await do(bench, DEPLOY, i={"flashEnvironmentId": dev, "flashBuildId": build_id})
    with anyio.fail_after(5):
        await bench.releases.has_begun.wait()
    (request,) = bench.releases.begun
    assert (request.environment_id, request.build_id, request.cause) == (dev, build_id, Cause.DEPLOY)
    fetched = await bench.http.get(answer["activeArtifact"]["downloadUrl"], headers={"Authorization": ""})
    assert fetched.content[:2] == b"\x1f\x8b"


async def test_a_deploy_is_released_at_once_when_its_last_endpoint_is_saved(bench: Bench) -> None:
    bench.services.deploys._quiet_s = 3600
    app_id, (dev,) = await an_app(bench, "dev")
    build_id = await an_uploaded_build(bench, app_id, resize=a_resource(), web=a_load_balanced_resource())
    await do(bench, DEPLOY, i={"flashEnvironmentId": dev, "flashBuildId": build_id})
    resize = await save(bench, dev, "resize")
    await anyio.wait_all_tasks_blocked()
    assert bench.releases.begun == []
    await save(bench, dev, "web", type="LB")
    with anyio.fail_after(5):
        await bench.releases.has_begun.wait()
    environment = await do(bench, ENVIRONMENT, i={"flashAppId": app_id, "name": "dev"})
    assert environment["endpoints"][0] == {"id": resize["id"], "name": "resize"}
    assert (environment["activeBuildId"], environment["state"]) == (build_id, "deployed")


async def test_a_desired_build_is_released_by_the_next_start(bench: Bench) -> None:
    bench.services.deploys._quiet_s = 3600
    app_id, (dev,) = await an_app(bench, "dev")
    build_id = await an_uploaded_build(bench, app_id)
    await do(bench, DEPLOY, i={"flashEnvironmentId": dev, "flashBuildId": build_id})
    again = type(bench.services.deploys)(bench.services.store, bench.services.publisher, bench.releases)
    async with anyio.create_task_group() as group:
        await group.start(again.run)
        with anyio.fail_after(5):
            await bench.releases.has_begun.wait()
        group.cancel_scope.cancel()
    assert bench.releases.begun[0].build_id == build_id


async def test_a_deploy_that_cannot_begin_says_so_in_the_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(request: ReleaseRequest) -> Deployment:
        del request
        bench.releases.has_begun.set()
        raise NotFound("its artifact was collected")

    monkeypatch.setattr(bench.releases, "begin", refuse)
    app_id, (dev,) = await an_app(bench, "dev")
    build_id = await an_uploaded_build(bench, app_id)
    cursor = bench.services.journal.cursor
    await do(bench, DEPLOY, i={"flashEnvironmentId": dev, "flashBuildId": build_id})
    with anyio.fail_after(5):
        async for _, event in bench.services.journal.subscribe(cursor):
            if isinstance(event, EnvironmentChanged) and event.environment.state == "failed":
                break
    assert event.environment.error is not None
    assert event.environment.error.what == "its artifact was collected"


async def test_a_build_of_another_app_is_not_deployed(bench: Bench) -> None:
    app_id, _ = await an_app(bench)
    other = await do(bench, CREATE_APP, i={"name": "other"})
    dev = await do(bench, CREATE_ENVIRONMENT, i={"flashAppId": other["id"], "name": "dev"})
    build_id = await an_uploaded_build(bench, app_id)
    message = await refused(bench, DEPLOY, i={"flashEnvironmentId": dev["id"], "flashBuildId": build_id})
    assert "cannot be deployed" in message


async def test_a_deploy_to_a_second_environment_moves_no_endpoint(bench: Bench) -> None:
    _, (dev, staging) = await an_app(bench, "dev", "staging")
    first = await save(bench, dev)
    second = await save(bench, staging, id=first["id"], templateId=first["templateId"])
    assert second["id"] != first["id"]
    assert second["templateId"] not in {None, first["templateId"]}
    assert second["flashEnvironmentId"] == staging
    assert (await do(bench, TEMPLATE, id=second["templateId"]))["env"] == [{"key": "A", "value": "1"}]
    again = await save(bench, dev, id=second["id"], templateId=second["templateId"])
    assert (again["id"], again["templateId"]) == (first["id"], first["templateId"])


async def test_a_deploy_from_a_fresh_clone_doubles_no_endpoint(bench: Bench) -> None:
    app_id, (dev,) = await an_app(bench, "dev")
    first, second = await save(bench, dev), await save(bench, dev, workersMax=5)
    assert (second["id"], second["templateId"]) == (first["id"], first["templateId"])
    assert (second["workersMax"], second["version"]) == (5, first["version"] + 1)
    environment = await do(bench, ENVIRONMENT, i={"flashAppId": app_id, "name": "dev"})
    assert len(environment["endpoints"]) == 1


async def test_values_that_make_the_client_raise_are_not_answered(bench: Bench) -> None:
    _, (dev,) = await an_app(bench, "dev")
    saved = await save(bench, dev, minCudaVersion="", idleTimeout=0, flashBootType="FLASHBOOT")
    assert (saved["minCudaVersion"], saved["idleTimeout"], saved["aiKey"]) == (None, 1, None)
    assert (saved["flashBootType"], saved["workersMin"]) == ("FLASHBOOT", 0)


async def test_an_endpoint_outside_of_environments_is_created_each_time_and_deleted(bench: Bench) -> None:
    first, second = await save(bench, None, "live-x"), await save(bench, None, "live-x")
    assert first["id"] != second["id"]
    assert (await save(bench, None, "live-x", id=first["id"]))["id"] == first["id"]
    assert await do(bench, DELETE_ENDPOINT, id=first["id"]) is None
    assert (await do(bench, ENDPOINT, id=first["id"]))["endpoint"] is None
    assert "not found" in await refused(bench, DELETE_ENDPOINT, id=first["id"])


async def test_a_deleted_endpoint_of_an_environment_is_out_of_service(bench: Bench) -> None:
    _, (dev,) = await an_app(bench, "dev")
    saved = await save(bench, dev)
    await do(bench, DELETE_ENDPOINT, id=saved["id"])
    assert (await do(bench, ENDPOINT, id=saved["id"]))["endpoint"] is None
    assert bench.releases.reloaded == [dev]


async def test_with_its_last_endpoint_an_environment_is_undeployed(bench: Bench) -> None:
    app_id, (dev,) = await an_app(bench, "dev")
    resources = {"resize": a_resource(), "web": a_load_balanced_resource()}
    build_id = await an_uploaded_build(bench, app_id, **resources)
    await do(bench, DEPLOY, i={"flashEnvironmentId": dev, "flashBuildId": build_id})
    saved = [await save(bench, dev, "resize"), await save(bench, dev, "web", type="LB")]
    with anyio.fail_after(5):
        await bench.releases.has_begun.wait()
    for endpoint in saved:
        assert len(bench.releases.begun) == 1
        await do(bench, DELETE_ENDPOINT, id=endpoint["id"])
    assert (bench.releases.begun[-1].cause, bench.releases.begun[-1].build_id) == (Cause.UNDEPLOY, None)
    environment = await do(bench, ENVIRONMENT, i={"flashAppId": app_id, "name": "dev"})
    assert (environment["state"], environment["activeBuildId"], environment["endpoints"]) == ("pending", None, [])


async def test_a_load_balanced_template_gets_its_ports_once(bench: Bench) -> None:
    _, (dev,) = await an_app(bench, "dev")
    saved = await save(bench, dev, "web", type="LB")
    template = await do(bench, TEMPLATE, id=saved["templateId"])
    assert {item["key"] for item in template["env"]} == {"A", "PORT", "PORT_HEALTH"}
    fields = {"name": "new", "imageName": "i", "containerDiskInGb": 1, "dockerArgs": "", "volumeInGb": 0}
    given = fields | {"id": saved["templateId"], "env": [{"key": "B", "value": "2"}]}
    updated = await do(bench, SAVE_TEMPLATE, i=given)
    assert updated == {"id": saved["templateId"], "name": "new", "env": [{"key": "B", "value": "2"}]}


async def test_the_manifest_of_a_deploy_is_answered_but_keys_are_not_shown(bench: Bench) -> None:
    app_id, _ = await an_app(bench)
    build_id = await an_uploaded_build(bench, app_id)
    manifest = a_manifest(resize=a_resource(aiKey="secret", endpoint_id="ep1"))
    assert (await do(bench, UPDATE, i={"flashBuildId": build_id, "manifest": manifest}))["manifest"] == manifest
    assert (await do(bench, BUILD, i=build_id))["manifest"] == manifest
    assert "secret" not in (await bench.http.get(f"/flash-tui/v1/builds/{build_id}/manifest")).text


async def test_an_environment_lists_no_volumes_since_the_client_could_not_delete_it(bench: Bench) -> None:
    app_id, (dev,) = await an_app(bench, "dev")
    new = {"name": "models", "size": 20, "dataCenterId": "EU-RO-1"}
    volume = (await bench.http.post("/v1/networkvolumes", json=new)).json()
    assert volume == {"id": volume["id"], **new}
    await save(bench, dev, networkVolumeId=volume["id"])
    environment = await do(bench, ENVIRONMENT, i={"flashAppId": app_id, "name": "dev"})
    assert environment["networkVolumes"] == []
    shown = (await bench.http.get("/flash-tui/v1/apps/shop/environments/dev")).json()
    assert [one["name"] for one in shown["volumes"]] == ["models"]
    assert (await bench.http.get("/v1/networkvolumes")).json() == [volume]


async def test_a_deleted_environment_and_app_are_gone(bench: Bench) -> None:
    app_id, (dev,) = await an_app(bench, "dev")
    assert await do(bench, "mutation($i: String!) { deleteFlashEnvironment(flashEnvironmentId: $i) }", i=dev) is True
    assert await bench.services.store.transact(lambda c: find_environment(c, EnvironmentId(dev))) is None
    assert await do(bench, "mutation($i: String!) { deleteFlashApp(flashAppId: $i) }", i=app_id) is True
    assert "app not found" in await refused(bench, APP_BY_NAME, n="shop")


async def test_nothing_but_the_login_is_answered_without_the_key(bench: Bench) -> None:
    bare = {"Authorization": ""}
    for query in (APP_BY_NAME, "{ __schema { types { name } } }", "mutation { createFlashAuthRequest { id } } {"):
        answer = await bench.http.post("/graphql", json={"query": query}, headers=bare)
        assert answer.status_code == 401
    created = await bench.http.post("/graphql", json={"query": LOGIN, "variables": {}}, headers=bare)
    assert created.json()["data"]["createFlashAuthRequest"]["status"] == "PENDING"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (LOGIN, True),
        ("mutation { a: createFlashAuthRequest { id } }", True),
        ("mutation { createFlashAuthRequest { id } deleteFlashApp(flashAppId: 1) }", False),
        ("query { ...on Query { myself { id } } }", False),
        ("query { ...F } fragment F on Query { myself { id } }", False),
        ("", False),
    ],
)
def test_what_is_open_is_told_by_its_root_fields(query: str, expected: bool) -> None:
    assert is_open(query) is expected


async def test_a_login_waits_for_a_person_and_gives_the_key_once(bench: Bench) -> None:
    login = await do(bench, LOGIN)
    assert (await do(bench, LOGIN_STATUS, id=login["id"]))["status"] == "PENDING"
    (shown,) = (await bench.http.get("/flash-tui/v1/logins")).json()
    approved = await bench.http.post(f"/flash-tui/v1/logins/{shown['id']}/approve")
    assert (approved.status_code, approved.json()["status"]) == (200, "APPROVED")
    consumed = await do(bench, LOGIN_STATUS, id=login["id"])
    assert (consumed["status"], consumed["apiKey"]) == ("CONSUMED", TOKEN)
    assert (await do(bench, LOGIN_STATUS, id=login["id"]))["apiKey"] is None


async def test_a_denied_login_gives_no_key(bench: Bench) -> None:
    login = await do(bench, LOGIN)
    assert (await bench.http.post(f"/flash-tui/v1/logins/{login['id']}/deny")).status_code == 200
    denied = await do(bench, LOGIN_STATUS, id=login["id"])
    assert (denied["status"], denied["apiKey"]) == ("DENIED", None)
    assert (await bench.http.post(f"/flash-tui/v1/logins/{login['id']}/approve")).status_code == 409


async def test_programs_without_a_key_cannot_pile_up_login_requests(bench: Bench) -> None:
    for _ in range(20):
        await do(bench, LOGIN)
    assert "too many login requests" in await refused(bench, LOGIN)


async def test_what_the_platform_has_not_is_named_in_the_error(bench: Bench) -> None:
    assert "no podStop" in await refused(bench, 'mutation { podStop(input: {podId: "x"}) { id } }')
    assert "flashNothing" in await refused(bench, "{ flashNothing { id } }")
    assert "Syntax Error" in await refused(bench, "{")


async def test_introspection_is_on(bench: Bench) -> None:
    names = {kind["name"] for kind in (await do(bench, "{ __schema { types { name } } }"))["types"]}
    assert {"FlashApp", "EndpointInput", "SaveTemplateInput"} <= names


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"query": 1}',
        '{"query": "{x}", "variables": {"n": "\\ud800"}}',
        '{"query": "{ x }", "variables": []}',
    ],
)
async def test_a_body_that_is_no_request_is_refused(bench: Bench, body: str) -> None:
    answer = await bench.http.post("/graphql", content=body)
    if '"variables": []' in body:  # as nothing, which is what empty variables are
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")


async def test_the_login_page_shows_no_markup_of_others(bench: Bench) -> None:
    page = await bench.http.get("/flash/login", params={"request": "<script>alert(1)</script>"})
    assert "<script>" not in page.text
    assert "flash-tui platform approve" in page.text


def test_every_root_field_of_the_schema_answers_or_says_why_not() -> None:
    schema = control_schema()
    for root in (schema.query_type, schema.mutation_type):
        assert root is not None
        assert all(field.resolve is not None for field in root.fields.values())
