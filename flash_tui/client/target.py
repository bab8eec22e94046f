"""Targets: a name or URL → where each part of a platform is reached, and the key it takes.

local        this machine's platform, started on demand
runpod       the official hosts
an origin    control plane ORIGIN/graphql, data plane ORIGIN/v2, REST and logs ORIGIN/v1, our extension beside them
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from flash_tui.models.errors import Unauthorised, UsageError
from flash_tui.runtime.redaction import Redactor
from flash_tui.settings import LOCAL_TARGET, Settings

RUNPOD_TARGET = "runpod"
KEY_VARIABLE = "RUNPOD_API_KEY"
_KEY_HINT = f"`flash-tui login` stores a key; {KEY_VARIABLE} gives one for this shell"


@dataclass(frozen=True, slots=True)
class Target:
    """A platform to talk to. Its key is in no text that this class makes."""

    name: str
    """As the user says it: `local`, `runpod` or the origin."""
    graphql_url: str
    data_url: str
    """Ends in `/v2`."""
    rest_url: str
    """Ends in `/v1`."""
    logs_url: str
    extension_url: str | None
    """None where it is known that there is none."""
    token: str = field(repr=False)
    token_source: str
    """Where the key came from, for the message when it is refused."""
    start_hint: str
    is_local: bool = False

    def knows(self, url: str) -> bool:
        """Whether `url` is a place of this target, so that it may be given the key: an answer names URLs, too."""
        place = urlsplit(url)
        for own in (self.data_url, self.graphql_url, self.rest_url):
            base = urlsplit(own)
            if _origin(place) == _origin(base):
                return True
        # A load-balanced endpoint of the cloud is a name below the data plane's. Source: runpod_flash `endpoint_url`.
        base = urlsplit(self.data_url)
        below = (place.hostname or "").endswith(f".{base.hostname}")
        return below and place.scheme == "https" and place.port == base.port

    def hide(self, text: str) -> str:
        """What a target says, or its workers print, without the key: it may repeat what it was sent."""
        return Redactor(self.token).clean(text)

    def endpoint_url(self, endpoint_id: str, *, is_load_balanced: bool) -> str:
        """Where an endpoint is called, on a target that does not say it."""
        if not is_load_balanced:
            return f"{self.data_url}/{endpoint_id}"
        base = urlsplit(self.data_url)
        if base.scheme == "https":
            return f"https://{endpoint_id}.{base.netloc}"
        return f"{base.scheme}://{base.netloc}/lb/{endpoint_id}"


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    default = {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.hostname, url.port or default


async def resolve_target(
    settings: Settings,
    narrate: Callable[[str], None] = lambda _: None,
    environ: Mapping[str, str] | None = None,
) -> Target:
    """The target that the settings name; the local platform is started if need be.

    Raises:
        UsageError: it is no name and no origin.
        Unauthorised: no key is known for it.
        TargetUnreachable: the local platform does not start.
    """
    environ = os.environ if environ is None else environ
    if settings.target == LOCAL_TARGET:
        return await _local(settings, narrate)
    if settings.target == RUNPOD_TARGET:
        return _runpod(environ)
    return origin_target(settings.target, environ)


async def _local(settings: Settings, narrate: Callable[[str], None]) -> Target:
    from flash_tui.client import local_platform  # noqa: PLC0415 - only the local target needs process handling

    address = await local_platform.ensure_running(settings.home, narrate)
    return _at(
        LOCAL_TARGET,
        address.url,
        address.token,
        str(settings.home.token_file),
        "`flash-tui platform start` starts it; `flash-tui platform logs` says what it did",
        is_local=True,
    )


def _runpod(environ: Mapping[str, str]) -> Target:
    key, source = find_key(environ)
    return Target(
        name=RUNPOD_TARGET,
        graphql_url="https://api.runpod.io/graphql",
        data_url="https://api.runpod.ai/v2",
        rest_url="https://rest.runpod.io/v1",
        logs_url="https://hapi.runpod.net",
        extension_url=None,
        token=key,
        token_source=source,
        start_hint="check this machine's connection; https://uptime.runpod.io tells if the cloud is down",
    )


def origin_target(origin: str, environ: Mapping[str, str]) -> Target:
    """The platform at an origin.

    Raises:
        UsageError: not an origin.
        Unauthorised: RUNPOD_API_KEY is not set.
    """
    url = _check_origin(origin)
    key = environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise Unauthorised(f"no key for {url}", where=KEY_VARIABLE, hint=f"set {KEY_VARIABLE} to the target's key")
    return _at(url, url, key, KEY_VARIABLE, "check that the target runs and that its URL is right")


def _check_origin(text: str) -> str:
    hint = "a target is `local`, `runpod` or an origin such as http://127.0.0.1:8080"
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        raise UsageError(f"{text!r} is not a target", where="--target", hint=hint) from error
    if url.scheme not in {"http", "https"} or not url.hostname or url.username or url.query or url.fragment:
        raise UsageError(f"{text!r} is not a target", where="--target", hint=hint)
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}"


def _at(name: str, origin: str, token: str, source: str, start_hint: str, *, is_local: bool = False) -> Target:
    return Target(
        name=name,
        graphql_url=f"{origin}/graphql",
        data_url=f"{origin}/v2",
        rest_url=f"{origin}/v1",
        logs_url=origin,
        extension_url=f"{origin}/flash-tui/v1",
        token=token,
        token_source=source,
        start_hint=start_hint,
        is_local=is_local,
    )


def find_key(environ: Mapping[str, str]) -> tuple[str, str]:
    """The cloud's key and where it was found. Source: runpod_flash `core/credentials.py`.

    Raises:
        Unauthorised: there is none.
    """
    if key := environ.get(KEY_VARIABLE, "").strip():
        return key, KEY_VARIABLE
    path = Path(environ.get("HOME") or Path.home()) / ".runpod" / "config.toml"
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        config: dict[str, Any] = {}
    except (OSError, ValueError) as error:
        raise Unauthorised(f"the file with the key cannot be read: {error}", where=str(path), hint=_KEY_HINT) from error
    default = config.get("default")
    stored = cast("dict[str, Any]", default).get("api_key") if isinstance(default, dict) else config.get("apikey")
    if isinstance(stored, str) and stored.strip():
        return stored.strip(), str(path)
    raise Unauthorised("no key for Runpod's cloud", where=f"{KEY_VARIABLE}, {path}", hint=_KEY_HINT)
