-- Times are ISO-8601 text in UTC with microseconds, so that they sort as text. JSON is text.

CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last_version INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE builds (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    source_digest TEXT,
    size_bytes INTEGER NOT NULL,
    record TEXT,               -- LayerRecord; NULL for an artifact that is not ours
    manifest TEXT NOT NULL,    -- as built; never changes
    deployed_manifest TEXT,    -- what updateFlashBuildManifest made of it (endpoint ids, keys)
    object_key TEXT,           -- the upload it came from, official path only
    gone INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    UNIQUE (app_id, version),
    UNIQUE (app_id, digest)
) STRICT;
CREATE INDEX builds_by_digest ON builds (digest);

CREATE TABLE environments (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    error TEXT,                -- ErrorDocument
    active_build_id TEXT REFERENCES builds (id) ON DELETE SET NULL,
    previous_build_id TEXT REFERENCES builds (id) ON DELETE SET NULL,
    desired_build_id TEXT REFERENCES builds (id) ON DELETE SET NULL,
    generation INTEGER,        -- of the last commit that carried one
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (app_id, name)
) STRICT;

CREATE TABLE templates (
    id TEXT PRIMARY KEY,
    config TEXT NOT NULL,      -- the fields of the official PodTemplate but the id
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE endpoints (
    id TEXT PRIMARY KEY,
    environment_id TEXT REFERENCES environments (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    lifecycle TEXT NOT NULL CHECK (lifecycle IN ('declared', 'released', 'retired')),
    cloud_only INTEGER NOT NULL DEFAULT 0,
    workers_min INTEGER NOT NULL DEFAULT 0,
    workers_max INTEGER NOT NULL DEFAULT 1,
    idle_timeout_s INTEGER NOT NULL DEFAULT 60,
    scaler_type TEXT,
    scaler_value INTEGER,
    max_concurrency INTEGER NOT NULL DEFAULT 1,
    execution_timeout_ms INTEGER NOT NULL DEFAULT 0,
    routes TEXT NOT NULL DEFAULT '[]',
    hardware TEXT NOT NULL DEFAULT 'cpu',
    template_id TEXT REFERENCES templates (id) ON DELETE SET NULL,
    config TEXT NOT NULL DEFAULT '{}',  -- what saveEndpoint said last
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (environment_id, name)
) STRICT;

-- No foreign keys: a record outlives its environment, its app and its builds.
CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    environment TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    cause TEXT NOT NULL,
    from_build TEXT,           -- BuildReference
    to_build TEXT,
    to_build_id TEXT,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT,
    error TEXT,
    timings_ms TEXT NOT NULL DEFAULT '{}',
    note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX deployments_by_app ON deployments (app, environment);
CREATE INDEX deployments_by_environment ON deployments (environment_id, outcome);
CREATE INDEX deployments_running ON deployments (id) WHERE outcome IS NULL;

CREATE TABLE uploads (
    object_key TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    announced_bytes INTEGER NOT NULL,
    digest TEXT,               -- set once received
    size_bytes INTEGER,
    build_id TEXT REFERENCES builds (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE volumes (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    size_gb INTEGER NOT NULL,
    data_center TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (name, data_center)
) STRICT;

CREATE TABLE environment_volumes (
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    volume_id TEXT NOT NULL REFERENCES volumes (id) ON DELETE CASCADE,
    PRIMARY KEY (environment_id, volume_id)
) STRICT;

CREATE TABLE login_requests (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    input TEXT NOT NULL,
    output TEXT,
    error TEXT,
    worker TEXT,
    build_id TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 1,
    is_sync INTEGER NOT NULL DEFAULT 0,
    webhook TEXT,
    policy TEXT NOT NULL DEFAULT '{}'   -- executionTimeout, ttl (ms), lowPriority
) STRICT;
CREATE INDEX jobs_by_status ON jobs (endpoint_id, status);

CREATE TABLE job_chunks (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    chunk TEXT NOT NULL,
    handed_out INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, position)
) STRICT;
