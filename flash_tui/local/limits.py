"""Every cap and time-out of the front door and the daemon, with its unit, in one place."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# --- one request -----------------------------------------------------------------------------------------------------

MAX_URL_BYTES: Final = 16 * KIB
MAX_HEAD_BYTES: Final = 64 * KIB
"""Names and values of all headers (trailers too), without their punctuation."""
MAX_HEADERS: Final = 200
MAX_CONTENT_LENGTH_DIGITS: Final = 15

MAX_ARTIFACT_BYTES: Final = 1500 * MIB
"""The cloud's limit for a build. Source: runpod_flash, checked at build and before upload."""
MAX_ARTIFACT_BODY_BYTES: Final = MAX_ARTIFACT_BYTES + MIB
"""A build handed over in parts has a small header before its bytes."""
MAX_CONTROL_BODY_BYTES: Final = 20 * MIB
"""Any other request to the platform; the cloud takes 20 MB in `runsync`. Load-balanced requests have no limit."""

MAX_OPEN_BODY_BYTES: Final = 64 * KIB
"""A request that needs no key: one of the login flow."""

HEAD_TIMEOUT_S: Final = 30.0
"""From the first byte of a request to the end of its head."""
KEEP_ALIVE_TIMEOUT_S: Final = 600.0
"""An idle connection. Long, since a client may not care how often what is behind it was released anew."""
BODY_TIMEOUT_S: Final = 120.0
"""A client that announced a body and sends nothing of it."""
WRITE_TIMEOUT_S: Final = 300.0
"""A client that takes nothing of an answer."""

# --- connections -----------------------------------------------------------------------------------------------------

MAX_CONNECTIONS: Final = 1000
BACKLOG: Final = 512
FIRST_BYTE_TIMEOUT_S: Final = 30.0
READ_HIGH_BYTES: Final = 256 * KIB
"""Body bytes that wait for their reader; beyond, the connection is not read."""
READ_LOW_BYTES: Final = 64 * KIB
WRITE_HIGH_BYTES: Final = 256 * KIB
LINGER_TIMEOUT_S: Final = 2.0
"""How long a connection that is being refused is still read, so that the client sees the answer and no reset."""
LINGER_BYTES: Final = 16 * MIB

# --- workers behind the front door -----------------------------------------------------------------------------------

ACQUIRE_TIMEOUT_S: Final = 120.0
"""No worker became free. Source: the cloud gives up after two minutes."""
REPEAT_TIMEOUT_S: Final = 15.0
"""For another worker to be there for a request that a first one broke off: with a warm interpreter made first, on a
busy machine, that takes 5 s.
"""
CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 330.0
"""From the request to the head of its answer. Source: the cloud's 5.5 minutes."""
UPSTREAM_IDLE_S: Final = 2.0
"""Connections idle for longer are not used again: uvicorn closes its side after 5 s."""
UPSTREAM_POOL: Final = 64
"""Idle connections kept per worker."""
MAX_ATTEMPTS: Final = 3
REPLAY_BYTES: Final = READ_HIGH_BYTES + 256 * KIB
"""So much of a body is kept while no answer came, to send it to another worker: all that can wait, and one read."""

# --- the daemon ------------------------------------------------------------------------------------------------------

LEFTOVER_TIMEOUT_S: Final = 3.0
"""For processes of a platform that died to be gone."""
PARTS_STOP_TIMEOUT_S: Final = 20.0
"""For releases to be cancelled and workers to be stopped."""
ANSWERS_STOP_TIMEOUT_S: Final = 0.5
"""For answers that are being written when the platform stops; event streams never end by themselves."""
MAX_LOG_BYTES: Final = 5 * MIB
"""A larger log is put aside when the platform starts."""
OPEN_FILES: Final = 8192
"""Wanted limit of open descriptors; a request through the front door takes two."""

SIGNED_URL_LIFETIME_S: Final = 3600
HOUSEKEEPING_DELAY_S: Final = 60.0
"""After the start, which is in a hurry: what served before is being started again."""
HOUSEKEEPING_S: Final = 3600.0
"""Between two looks for artifacts and layers to let go of."""
LAYER_AGE_S: Final = 60 * 24 * 3600.0
"""A layer that no build holds and nobody used for so long is removed: a project that rests for a month or two starts
again without the network.
"""
LAYER_STORE_BYTES: Final = 20 * 1024 * MIB
"""What the layer store may take; beyond, what was unused longest goes first. A base layer is 100 to 200
MB, what a project requires a few MB to a few GB (packed, an artifact may have 1.5): room for all generations and for
some projects of the largest kind.
"""

# --- releases and workers --------------------------------------------------------------------------------------------

HEALTH_TIMEOUT_S: Final = 30.0
"""From the start of a new worker to its health; user imports (torch, pandas) are in it."""
DRAIN_LIMIT_S: Final = 30.0
"""For requests and jobs in hand of a worker that is replaced."""
STOP_GRACE_S: Final = 5.0
"""Between SIGTERM and SIGKILL."""
SHUTDOWN_GRACE_S: Final = 1.5
"""The same when the platform itself ends: jobs in hand are queued again at its next start."""
CANDIDATE_GRACE_S: Final = 0.2
"""The same for a new worker that never served: it has nothing to finish."""
ZYGOTE_IDLE_S: Final = 600.0
"""An interpreter without workers is kept warm for so long after its last use."""
TAIL_LINES: Final = 200
"""Last lines of a worker kept in memory, to say why it died."""

UNDEPLOY_WAIT_S: Final = 10.0
"""How long the caller that deletes an environment's last endpoint waits for the undeploy that follows."""

# --- jobs ------------------------------------------------------------------------------------------------------------

POLL_HOLD_S: Final = 60.0
"""A worker's long poll; the official worker gives up after 90 s."""
STOPPED_POLL_HOLD_S: Final = 0.02
"""The poll of a worker that is being stopped: long enough for its signal to arrive, short enough to let it end."""
UNKNOWN_POLL_HOLD_S: Final = 10.0
"""The poll of a worker that is not ours (any more): it asks again at once whatever the answer."""
RUNSYNC_WAIT_S: Final = 90.0
MIN_RUNSYNC_WAIT_S: Final = 1.0
MAX_RUNSYNC_WAIT_S: Final = 300.0
MAX_RUN_BYTES: Final = 10 * MIB
MAX_RUNSYNC_BYTES: Final = 20 * MIB
EXECUTION_TIMEOUT_S: Final = 600.0
"""Of a job, unless its policy or its endpoint says otherwise. Source: the cloud's default."""
JOB_TTL_S: Final = 24 * 3600.0
"""A job that nobody took for so long is TIMED_OUT."""
STOP_JOB_GRACE_S: Final = 5.0
"""For a worker to let go of a job it was told to stop; a synchronous handler cannot, so the worker is replaced."""
MISSING_RESULT_GRACE_S: Final = 0.5
"""After a worker asked for more work without a result for what it has: the result may be in another connection."""
TTL_CHECK_S: Final = 60.0
JOB_ATTEMPTS: Final = 2
"""A job whose worker died is given out once more."""
JOBS_KEPT: Final = 2000
"""Ended jobs kept per endpoint."""
FINAL_JOBS_IN_MEMORY: Final = 512
WEBHOOK_ATTEMPTS: Final = 3
WEBHOOK_PAUSE_S: Final = 10.0
WEBHOOK_TIMEOUT_S: Final = 10.0
WEBHOOKS_AT_ONCE: Final = 4
WEBHOOKS_WAITING: Final = 256
