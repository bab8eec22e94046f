"""What the control plane and the extension are given: the parts of the platform that answer for its state."""

from __future__ import annotations

from dataclasses import dataclass, field

from flash_tui.local.artifacts.artifacts import Artifacts
from flash_tui.local.journal.journal import Journal
from flash_tui.local.registry import EnvironmentReleases, Registry
from flash_tui.local.releases.official import OfficialDeploys
from flash_tui.local.security import UrlSigner
from flash_tui.local.store.database import Store
from flash_tui.local.view import Publisher, View


@dataclass(frozen=True, slots=True)
class Services:
    origin: str
    """Scheme, host and port, without a slash at its end."""
    token: str = field(repr=False)
    """The one key of the platform."""
    signer: UrlSigner
    store: Store
    artifacts: Artifacts
    journal: Journal
    view: View
    publisher: Publisher
    registry: Registry
    releases: EnvironmentReleases
    deploys: OfficialDeploys
