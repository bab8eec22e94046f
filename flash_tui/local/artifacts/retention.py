"""What is collected: artifacts of builds that nobody can go back to, and uploads that never became builds.

A build is `gone` in the database before its files are: a platform that is killed between the two removes them the next
time. A digest may belong to builds of several apps; it stays as long as one of them does.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from flash_tui.local.artifacts.artifacts import Artifacts
from flash_tui.local.artifacts.folders import disk_errors
from flash_tui.local.store import builds, uploads
from flash_tui.local.store.database import Store
from flash_tui.local.store.values import as_text
from flash_tui.models.build import Build
from flash_tui.models.identifiers import Digest

GRACE_S = 3600.0
"""What came in so recently may still be on its way into a build or a release."""


@dataclass(frozen=True, slots=True)
class _Plan:
    newly_gone: tuple[Build, ...]
    kept: frozenset[Digest]


def _plan(connection: sqlite3.Connection, grace_s: float) -> _Plan:
    retained = builds.retained_builds(connection, younger_than_s=grace_s)
    everything = builds.list_builds(connection)
    doomed = frozenset(build.id for build in everything if not build.gone and build.id not in retained)
    newly_gone = builds.mark_gone(connection, doomed)
    kept = {build.digest for build in everything if build.id in retained and build.digest is not None}
    uploads.forget_uploads(connection, as_text(datetime.fromtimestamp(time.time() - 24 * GRACE_S, UTC)))
    return _Plan(newly_gone, frozenset(kept))


async def collect(store: Store, artifacts: Artifacts, *, grace_s: float = GRACE_S) -> tuple[Build, ...]:
    """Collect once; returns the builds that are gone from now on. Raises FlashTuiError if the disk does not let it."""
    older_than = time.time() - grace_s
    with disk_errors("artifacts cannot be collected"):
        present = await artifacts.digests(older_than=older_than)
        plan = await store.transact(lambda connection: _plan(connection, grace_s))
        for digest in present - plan.kept:
            await artifacts.remove(digest)
        await artifacts.remove_assembled(unused_since=older_than)
    return plan.newly_gone
