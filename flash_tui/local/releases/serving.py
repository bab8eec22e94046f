"""What serves, by the records: brought into memory at the start and after every change that is not a release."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import anyio

from flash_tui.local.artifacts.artifacts import Prepared
from flash_tui.local.data.ledger import Transactions
from flash_tui.local.releases import records as release_records
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.plans import worker_plans
from flash_tui.local.workers.supervisor import Supervisor
from flash_tui.models.errors import ErrorDocument, FlashTuiError
from flash_tui.models.identifiers import BuildId, EndpointId, EnvironmentId


class ArtifactSource(Protocol):
    """The part of `Artifacts` that is needed here."""

    async def prepare(self, build_id: BuildId) -> Prepared: ...


class Serving:
    """Keeps memory and records in agreement, an environment at a time."""

    def __init__(
        self,
        store: Transactions,
        artifacts: ArtifactSource,
        fleet: Fleet,
        supervisor: Supervisor,
        token: str,
        endpoint_closed: Callable[[EndpointId, str], None],
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._fleet = fleet
        self._supervisor = supervisor
        self._token = token
        self._endpoint_closed = endpoint_closed
        self._turns: dict[EnvironmentId, anyio.Lock] = {}

    def turn(self, environment_id: EnvironmentId) -> anyio.Lock:
        """Held while records and memory of an environment change together: nobody sees one without the other."""
        return self._turns.setdefault(environment_id, anyio.Lock())

    async def recover(self) -> None:
        """At the start: close what a platform before left open, then serve again what every environment served."""
        await self._store.transact(release_records.close_interrupted)
        for environment_id in await self._store.transact(release_records.serving_environments):
            await self.reload(environment_id)

    async def reload(self, environment_id: EnvironmentId) -> None:
        """Make memory agree with the records; reconciliation does the rest."""
        async with self.turn(environment_id):
            found = await self._store.transact(
                lambda connection: release_records.find_serving(connection, environment_id)
            )
            if found is None:
                self.switch_off(environment_id, "the environment serves nothing")
                return
            prepared: Prepared | None = None
            problem: ErrorDocument | None = None
            try:
                prepared = await self._artifacts.prepare(found.build.id)
            except FlashTuiError as error:
                problem = error.document()
            plans = worker_plans(found.environment, found.build, found.manifest, found.endpoints, prepared, self._token)
            if problem is not None:
                self._fleet.block(plans, problem)
                return
            before = self._endpoint_ids(environment_id)
            for worker in self._fleet.serve(environment_id, plans):
                self._supervisor.drain_soon(worker)
            self.close(before - self._endpoint_ids(environment_id), "the endpoint was deleted")

    async def forget(self, environment_id: EnvironmentId) -> None:
        """The environment is about to be deleted, or was: its workers end."""
        async with self.turn(environment_id):
            self.switch_off(environment_id, "the environment was deleted")

    def switch_off(self, environment_id: EnvironmentId, reason: str) -> None:
        """Nothing serves it any more. To be called in its turn."""
        before = self._endpoint_ids(environment_id)
        for worker in self._fleet.serve(environment_id, ()):
            self._supervisor.drain_soon(worker)
        self.close(before, reason)

    def close(self, endpoint_ids: set[EndpointId], reason: str) -> None:
        """What these endpoints still hold ends with a word."""
        for endpoint_id in endpoint_ids:
            self._endpoint_closed(endpoint_id, reason)

    def _endpoint_ids(self, environment_id: EnvironmentId) -> set[EndpointId]:
        return {runtime.plan.endpoint_id for runtime in self._fleet.of_environment(environment_id)}

    async def make_ready(self, build_id: BuildId) -> None:
        """Unpack a build and warm its interpreter ahead of its release. A failure is left for the release to tell."""
        with suppress(FlashTuiError):
            prepared = await self._artifacts.prepare(build_id)
            await self._supervisor.warm(prepared.pair)
