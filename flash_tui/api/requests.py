"""Endpoints at work: call them, read their logs, see to their jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from flash_tui.api.resources import Resources, find_endpoint
from flash_tui.models.identifiers import EndpointId, JobId
from flash_tui.models.job import HttpAnswer, Job, QueueAnswer
from flash_tui.models.log import LogLine


class Requests(Resources):
    """Verbs on a running endpoint."""

    async def call(
        self,
        endpoint: str,
        body: object = None,
        environment: str | None = None,
        app: str | None = None,
        route: str | None = None,
    ) -> QueueAnswer | HttpAnswer:
        """Invoke an endpoint by name or id; `body` is its input, a route's body or its query parameters.

        Raises:
            UsageError: which route is meant is not clear; the hint lists them.
        """
        from flash_tui.client.calls import call  # noqa: PLC0415 - start-up, see Opened

        found = await self.environment(app, environment or self.settings.pipeline.first)
        return await call(self._session.data, found, find_endpoint(found, endpoint), body, route)

    async def logs(
        self,
        app: str | None = None,
        environment: str | None = None,
        endpoint: str | None = None,
        since: datetime | None = None,
        limit: int = 1000,
    ) -> tuple[LogLine, ...]:
        """The last `limit` lines, oldest first."""
        return await self._dialect.logs(app or self.settings.app, environment, endpoint, since, limit)

    def follow_logs(
        self,
        app: str | None = None,
        environment: str | None = None,
        endpoint: str | None = None,
        since: datetime | None = None,
    ) -> AsyncGenerator[LogLine]:
        """Lines since an instant (None: from now on), then as they come. Raises `TargetUnreachable` when lost."""
        from flash_tui.client.logs import LogQuery, follow_logs  # noqa: PLC0415 - start-up, see Opened

        query = LogQuery(app or self.settings.app, environment, endpoint, since)
        return follow_logs(self._dialect, query)

    async def jobs(self, endpoint_id: str, limit: int = 100) -> tuple[Job, ...]:
        """Jobs of a queue endpoint, newest first."""
        return await self._dialect.jobs(EndpointId(endpoint_id), limit)

    async def job(self, endpoint_id: str, job_id: str) -> Job:
        from flash_tui.client.jobs import find_job  # noqa: PLC0415 - start-up, see Opened

        return await find_job(self._session, EndpointId(endpoint_id), JobId(job_id))

    async def cancel_job(self, endpoint_id: str, job_id: str) -> Job:
        """The job as it is then: cancelled, or what it had come to before."""
        await self._session.data.cancel(EndpointId(endpoint_id), JobId(job_id))
        return await self.job(endpoint_id, job_id)

    async def retry_job(self, endpoint_id: str, job_id: str) -> Job:
        """Queue a failed or timed out job again. Raises `Conflict` for any other."""
        await self._session.data.retry(EndpointId(endpoint_id), JobId(job_id))
        return await self.job(endpoint_id, job_id)
