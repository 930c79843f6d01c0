-- Times are Unix milliseconds. Ids of events, deliveries and endpoints come from our own generator, never from
-- SQLite's rowid, which is reused once a table is empty.

-- Single numbers that must outlive the rows they were taken from.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Settings

CREATE TABLE program (
    id               TEXT NOT NULL PRIMARY KEY,
    name             TEXT NOT NULL,
    kind             TEXT NOT NULL,
    status           TEXT NOT NULL,
    currency         TEXT NOT NULL,
    created_at_ms    INTEGER NOT NULL,
    webhooks_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A deleted webhook stays, without its secret: the log still names its URL.
CREATE TABLE endpoint (
    id            INTEGER NOT NULL PRIMARY KEY,
    program_id    TEXT NOT NULL REFERENCES program (id),
    public_id     TEXT NOT NULL,
    url           TEXT NOT NULL,
    events        TEXT NOT NULL, -- JSON
    is_enabled    INTEGER NOT NULL,
    auto_disabled INTEGER NOT NULL,
    secret        TEXT,
    created_at_ms INTEGER NOT NULL,
    deleted_at_ms INTEGER
) STRICT;

CREATE UNIQUE INDEX endpoint_public_id ON endpoint (program_id, public_id) WHERE deleted_at_ms IS NULL;

CREATE TABLE draft (
    program_id   TEXT NOT NULL PRIMARY KEY REFERENCES program (id),
    version      INTEGER NOT NULL,
    base_version INTEGER NOT NULL,
    rows_json    TEXT NOT NULL,
    saved_at_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a program's live webhooks were at each version, without secrets.
CREATE TABLE publication (
    program_id TEXT NOT NULL REFERENCES program (id),
    version    INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    rows_json  TEXT NOT NULL,
    PRIMARY KEY (program_id, version)
) STRICT, WITHOUT ROWID;

-- Events. The hot tables have no foreign keys: the use case has just looked the program up, programs and endpoints
-- are never removed, and the check would cost a seek per row.

CREATE TABLE event (
    id             INTEGER NOT NULL PRIMARY KEY,
    program_id     TEXT NOT NULL,
    kind           TEXT NOT NULL,
    occurred_at_ms INTEGER NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    targets        TEXT NOT NULL, -- endpoint ids in slot order, comma-separated; '' for none
    body           BLOB NOT NULL  -- last, so that the other columns are read without it
) STRICT;

-- The log shows events that went somewhere. The others are stored, but cost no index entry and are never skipped over.
CREATE INDEX event_log ON event (program_id, id) WHERE targets <> '';

-- The highest id ever stored survives the row that had it. One seek per deleted row, and nobody can forget it.
CREATE TRIGGER event_keeps_highest_id BEFORE DELETE ON event
WHEN NOT EXISTS (SELECT 1 FROM event WHERE id > OLD.id)
BEGIN
    INSERT INTO meta (name, value) VALUES ('highest_event_id', OLD.id)
    ON CONFLICT (name) DO UPDATE SET value = MAX(value, excluded.value);
END;

CREATE TABLE idempotency (
    program_id      TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    content_hash    BLOB NOT NULL,
    event_id        INTEGER NOT NULL,
    deliveries      INTEGER NOT NULL, -- of the first answer, so that a repeat needs no event row
    accepted_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (program_id, idempotency_key)
) STRICT, WITHOUT ROWID;

-- Only deliveries that have not ended. The key is each endpoint's queue; there is no order by time over all of them.
CREATE TABLE pending (
    endpoint_id    INTEGER NOT NULL,
    due_at_ms      INTEGER NOT NULL, -- 9223372036854775807 when parked
    delivery_id    INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    expires_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, due_at_ms, delivery_id)
) STRICT, WITHOUT ROWID;

-- Append-only.
CREATE TABLE attempt (
    id                    INTEGER NOT NULL PRIMARY KEY,
    delivery_id           INTEGER NOT NULL,
    number                INTEGER NOT NULL,
    endpoint_id           INTEGER NOT NULL,
    started_at_ms         INTEGER NOT NULL,
    duration_ms           INTEGER NOT NULL,
    failure               TEXT,
    status_code           INTEGER,
    message               TEXT NOT NULL,
    after                 TEXT NOT NULL,
    retry_at_ms           INTEGER, -- when `after` is 'retry'
    is_response_truncated INTEGER NOT NULL,
    response_head         TEXT NOT NULL,
    response_body         BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX attempt_delivery ON attempt (delivery_id, number);

CREATE TABLE endpoint_state (
    endpoint_id          INTEGER NOT NULL PRIMARY KEY,
    consecutive_failures INTEGER NOT NULL,
    last_failure_at_ms   INTEGER,
    last_success_at_ms   INTEGER
) STRICT;

CREATE TABLE test_delivery (
    id            INTEGER NOT NULL PRIMARY KEY,
    program_id    TEXT NOT NULL REFERENCES program (id),
    started_at_ms INTEGER NOT NULL,
    view_json     TEXT NOT NULL
) STRICT;

-- People and keys. Tokens and keys are kept as SHA-256 only.

CREATE TABLE api_key (
    id            TEXT NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    key_hash      BLOB NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_in_link (
    token_hash    BLOB NOT NULL PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    token_hash    BLOB NOT NULL PRIMARY KEY,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
