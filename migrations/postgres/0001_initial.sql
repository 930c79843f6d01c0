-- Times are Unix milliseconds. Ids of events, deliveries and endpoints come from our own generator; their upper bits are
-- a time, so a range of ids is a day. What is an id or a key compares by its bytes, as it does in every other database.

-- Single numbers that must outlive the rows they were taken from.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Settings

CREATE TABLE program (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name             TEXT NOT NULL,
    kind             TEXT NOT NULL,
    status           TEXT NOT NULL,
    currency         TEXT NOT NULL,
    created_at_ms    BIGINT NOT NULL,
    webhooks_version BIGINT NOT NULL
);

-- A deleted webhook stays, without its secret: the log still names its URL.
CREATE TABLE endpoint (
    id            BIGINT NOT NULL PRIMARY KEY,
    program_id    TEXT COLLATE "C" NOT NULL REFERENCES program (id),
    public_id     TEXT COLLATE "C" NOT NULL,
    url           TEXT NOT NULL,
    events        TEXT NOT NULL, -- JSON
    is_enabled    BIGINT NOT NULL,
    auto_disabled BIGINT NOT NULL,
    secret        TEXT,
    created_at_ms BIGINT NOT NULL,
    deleted_at_ms BIGINT
);

CREATE UNIQUE INDEX endpoint_public_id ON endpoint (program_id, public_id) WHERE deleted_at_ms IS NULL;

CREATE TABLE draft (
    program_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES program (id),
    version      BIGINT NOT NULL,
    base_version BIGINT NOT NULL,
    rows_json    TEXT NOT NULL,
    saved_at_ms  BIGINT NOT NULL
);

-- What a program's live webhooks were at each version, without secrets.
CREATE TABLE publication (
    program_id TEXT COLLATE "C" NOT NULL REFERENCES program (id),
    version    BIGINT NOT NULL,
    at_ms      BIGINT NOT NULL,
    rows_json  TEXT NOT NULL,
    PRIMARY KEY (program_id, version)
);

-- Events. The hot tables have no foreign keys: the use case has just looked the program up, programs and endpoints
-- are never removed, and the check would cost a seek per row.

CREATE TABLE event (
    id             BIGINT NOT NULL PRIMARY KEY,
    program_id     TEXT COLLATE "C" NOT NULL,
    kind           TEXT NOT NULL,
    occurred_at_ms BIGINT NOT NULL,
    accepted_at_ms BIGINT NOT NULL,
    targets        TEXT NOT NULL, -- endpoint ids in slot order, comma-separated; '' for none
    body           BYTEA NOT NULL  -- last, so that the other columns are read without it
) PARTITION BY RANGE (id);

-- Bodies are JSON of about a KiB and read whole: compressing them costs more than it saves.
ALTER TABLE event ALTER COLUMN body SET STORAGE EXTERNAL;

-- The log shows events that went somewhere. The others are stored, but cost no index entry and are never skipped over.
CREATE INDEX event_log ON event (program_id, id) WHERE targets <> '';

-- The highest id ever stored survives the row that had it, and nobody can forget it.
CREATE FUNCTION event_keeps_highest_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO meta (name, value)
    SELECT 'highest_event_id', MAX(gone.id) FROM gone HAVING MAX(gone.id) > (SELECT COALESCE(MAX(id), 0) FROM event)
    ON CONFLICT (name) DO UPDATE SET value = GREATEST(meta.value, excluded.value);
    RETURN NULL;
END $$;

CREATE TRIGGER event_keeps_highest_id AFTER DELETE ON event
REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION event_keeps_highest_id();

CREATE TABLE idempotency (
    program_id      TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    content_hash    BYTEA NOT NULL,
    event_id        BIGINT NOT NULL,
    deliveries      BIGINT NOT NULL, -- of the first answer, so that a repeat needs no event row
    accepted_at_ms  BIGINT NOT NULL,
    PRIMARY KEY (program_id, idempotency_key)
);

-- Only deliveries that have not ended. The key is each endpoint's queue; there is no order by time over all of them.
CREATE TABLE pending (
    endpoint_id    BIGINT NOT NULL,
    due_at_ms      BIGINT NOT NULL, -- 9223372036854775807 when parked
    delivery_id    BIGINT NOT NULL,
    attempts       BIGINT NOT NULL,
    accepted_at_ms BIGINT NOT NULL,
    expires_at_ms  BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, due_at_ms, delivery_id)
);

-- Rows come and go all the time: what they leave behind is cleared away early and without pauses.
ALTER TABLE pending SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Append-only. A delivery's id is its event's x 8 and a bit, so an event's attempts are in the partition of its day, and
-- those of a resend in that of the day it was asked for.
CREATE TABLE attempt (
    delivery_id           BIGINT NOT NULL,
    number                BIGINT NOT NULL,
    endpoint_id           BIGINT NOT NULL,
    started_at_ms         BIGINT NOT NULL,
    duration_ms           BIGINT NOT NULL,
    failure               TEXT,
    status_code           BIGINT,
    message               TEXT NOT NULL,
    after                 TEXT NOT NULL,
    retry_at_ms           BIGINT, -- when `after` is 'retry'
    is_response_truncated BIGINT NOT NULL,
    response_head         TEXT NOT NULL,
    response_body         BYTEA NOT NULL,
    PRIMARY KEY (delivery_id, number)
) PARTITION BY RANGE (delivery_id);

CREATE TABLE endpoint_state (
    endpoint_id          BIGINT NOT NULL PRIMARY KEY,
    consecutive_failures BIGINT NOT NULL,
    last_failure_at_ms   BIGINT,
    last_success_at_ms   BIGINT
);

CREATE TABLE test_delivery (
    id            BIGINT NOT NULL PRIMARY KEY,
    program_id    TEXT COLLATE "C" NOT NULL REFERENCES program (id),
    started_at_ms BIGINT NOT NULL,
    view_json     TEXT NOT NULL
);

-- People and keys. Tokens and keys are kept as SHA-256 only.

CREATE TABLE api_key (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    key_hash      BYTEA NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL
);

CREATE TABLE sign_in_link (
    token_hash    BYTEA NOT NULL PRIMARY KEY,
    expires_at_ms BIGINT NOT NULL
);

CREATE TABLE session (
    token_hash    BYTEA NOT NULL PRIMARY KEY,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);

-- One process at a time. Every transaction that writes counts `commits` up under its epoch before it commits: so whoever
-- has lost the lease cannot commit, and when the answer to a COMMIT is lost the number tells what became of it.
CREATE TABLE lease (
    id            BIGINT NOT NULL PRIMARY KEY,
    owner         TEXT NOT NULL,
    epoch         BIGINT NOT NULL,
    commits       BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL, -- on the database's clock
    backend_pid   INTEGER,         -- the owner's session that writes
    backend_start TIMESTAMPTZ
);

INSERT INTO lease (id, owner, epoch, commits, expires_at_ms) VALUES (1, '', 0, 0, 0);

-- Changed with every commit: room on the page lets each version replace the one before it.
ALTER TABLE lease SET (fillfactor = 10);
