"""Undeploy: an environment's endpoints go, its builds stay."""

from __future__ import annotations

from flash_tui.client.dialect import Dialect
from flash_tui.deploy.deployer import Deployer, Report, Wish, silent
from flash_tui.models.release import ReleaseResult
from flash_tui.models.states import Cause


async def undeploy(dialect: Dialect, app: str, environment: str, report: Report = silent) -> ReleaseResult:
    """Take an environment's endpoints away.

    Raises:
        NotFound: no such app or environment.
    """
    found = await dialect.environment(app, environment)
    wish = Wish(found, None, Cause.UNDEPLOY, check_expected=False)
    return await Deployer(dialect).bring(wish, report)
