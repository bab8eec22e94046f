"""The words for states. A word from the wire that is not listed here is kept and shown, never an error."""

from __future__ import annotations

from enum import StrEnum


class OpenStrEnum(StrEnum):
    """Words from the wire; an unknown one becomes a member named UNKNOWN that carries the word."""

    @classmethod
    def _missing_(cls, value: object) -> OpenStrEnum | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_, word._value_ = "UNKNOWN", value
        return word

    def __str__(self) -> str:
        return str(self.value)


class EnvironmentState(OpenStrEnum):
    """What the last act on an environment came to; what serves is `Environment.build`."""

    PENDING = "pending"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    UPDATING = "updating"
    FAILED = "failed"
    DELETING = "deleting"


class EndpointState(OpenStrEnum):
    """Whether an endpoint can serve now. An endpoint at zero workers between releases is `healthy`."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    CLOUD_ONLY = "cloud_only"


class EndpointKind(OpenStrEnum):
    QUEUE = "queue"
    LOAD_BALANCED = "load_balanced"


class WorkerState(OpenStrEnum):
    INITIALIZING = "initializing"
    IDLE = "idle"
    RUNNING = "running"
    THROTTLED = "throttled"
    OUTDATED = "outdated"
    UNHEALTHY = "unhealthy"


class JobStatus(OpenStrEnum):
    """Source: runpod 1.12 `endpoint/helpers.py`."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"

    @property
    def is_final(self) -> bool:
        return self not in {JobStatus.IN_QUEUE, JobStatus.IN_PROGRESS}


class Cause(OpenStrEnum):
    """Why a deployment happened."""

    SAVE = "save"
    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    UNDEPLOY = "undeploy"
    OBSERVED = "observed"


class Outcome(OpenStrEnum):
    """How a deployment ended; absent while it runs."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class Stage(OpenStrEnum):
    """The steps from a save to live traffic, in order; some overlap. One set for events, JSON, screen, benchmarks."""

    NOTICE = "notice"
    SETTLE = "settle"
    CHECK = "check"
    INSTALL = "install"
    DISCOVER = "discover"
    PACK = "pack"
    UPLOAD = "upload"
    BOOT = "boot"
    HEALTH = "health"
    SWITCH = "switch"
