"""Every time-out and cap of the client, with its unit, in one place."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

CONNECT_S: Final = 5.0
ANSWER_S: Final = 30.0
"""For the next bytes of an answer, unless the call says otherwise."""
PROBE_S: Final = 10.0
"""For the first question to a target: which dialect it speaks."""
WRITE_S: Final = 60.0
"""For the target to take the next bytes of a body."""
POOL_S: Final = 30.0
"""For a free connection."""
MAX_CONNECTIONS: Final = 32
KEEP_ALIVE_S: Final = 60.0

UPLOAD_S: Final = 600.0
"""For the answer to an upload. Source: runpod_flash `core/resources/app.py`."""
UPLOAD_CHUNK_BYTES: Final = 256 * KIB

BEGIN_S: Final = 15.0
"""For a release to be accepted; an interruption waits for it."""
WAIT_ATTEMPTS: Final = 4
"""A release goes on while its caller cannot ask for it; after so many questions in a row it is given up."""
CANCEL_S: Final = 5.0
"""For telling the target that an act was interrupted; then it is left to itself."""
EVENTS_SILENCE_S: Final = 35.0
"""An event stream says something every 10 s; silent for so long, it is lost."""

RUNSYNC_WAIT_MS: Final = 1000
"""How long the target holds a job's first request. Short, since the job's id, by which it is cancelled, comes after."""
RUNSYNC_ANSWER_S: Final = 15.0
FIRST_JOB_POLL_S: Final = 0.1
LAST_JOB_POLL_S: Final = 2.0
STATUS_ATTEMPTS: Final = 5
"""A job goes on while its caller cannot ask for it. Source: runpod_flash `endpoint.py:Endpoint.wait`."""
HTTP_CALL_S: Final = 330.0
"""For a load-balanced endpoint's answer. Source: the cloud's 5.5 minutes."""

FIRST_STATE_POLL_S: Final = 2.0
LAST_STATE_POLL_S: Final = 15.0
"""A target without events is polled: quickly while something moves, slowly when nothing does."""
HEALTHY_WITHIN_S: Final = 600.0
"""For the endpoints of a target without releases to come up. Source: runpod_flash `cli/utils/deployment.py`."""
HEALTH_POLL_S: Final = 1.0
LOG_POLL_S: Final = 2.0

MAX_ANSWER_BYTES: Final = 64 * MIB
MAX_EVENT_BYTES: Final = 16 * MIB
"""One event of the stream."""
MAX_ARTIFACT_BYTES: Final = 1500 * MIB
"""The cloud's limit for a build."""
MAX_ERROR_CHARS: Final = 500
"""So much of an answer that is not ours is shown."""

QUERY_ATTEMPTS: Final = 4
FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 8.0
"""Only what changes nothing is asked again."""
