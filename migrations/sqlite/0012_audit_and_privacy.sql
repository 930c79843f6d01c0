-- Who did what. Append-only: retention removes by age, and nothing changes a row.
CREATE TABLE audit_log (
    id         INTEGER NOT NULL PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    team_id    TEXT, -- NULL: of the whole server, seen by its operator alone
    program_id TEXT,
    actor_kind TEXT NOT NULL,
    actor_id   TEXT,
    actor_name TEXT NOT NULL,
    address    TEXT,
    action     TEXT NOT NULL,
    target     TEXT,
    details    TEXT NOT NULL, -- a JSON object of texts
    outcome    TEXT NOT NULL
) STRICT;

CREATE INDEX audit_log_team ON audit_log (team_id, id);

CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- What has been begun and of which it is not known yet what came of it. Becomes a row of audit_log, or goes when nothing did.
CREATE TABLE audit_begun (
    id         INTEGER NOT NULL PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    team_id    TEXT,
    program_id TEXT,
    actor_kind TEXT NOT NULL,
    actor_id   TEXT,
    actor_name TEXT NOT NULL,
    address    TEXT,
    action     TEXT NOT NULL,
    target     TEXT,
    details    TEXT NOT NULL
) STRICT;

-- How long a program's events are kept, in days; NULL is what the server's configuration says.
ALTER TABLE program ADD COLUMN retention_days INTEGER;

-- Together with event_log all of a program's events in order, for retention and erasure. An event that went somewhere has no
-- entry here.
CREATE INDEX event_unsent ON event (program_id, id) WHERE targets = '';

-- The erasing of a participant's data, in the background.
CREATE TABLE erasure (
    id            INTEGER NOT NULL PRIMARY KEY,
    program_id    TEXT NOT NULL REFERENCES program (id),
    subject_kind  TEXT NOT NULL,
    subject       TEXT,          -- whom to look for; NULL once it has ended
    subject_hash  TEXT NOT NULL, -- HMAC-SHA-256 under erasure_key
    actor_kind    TEXT NOT NULL, -- who asked for it, and from where
    actor_id      TEXT,
    actor_name    TEXT NOT NULL,
    address       TEXT,
    cursor        INTEGER NOT NULL, -- events up to this id have been looked at
    until_id      INTEGER NOT NULL, -- events after this id are not meant
    events        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    cancelled     INTEGER NOT NULL,
    requests      INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER
) STRICT;

CREATE INDEX erasure_program ON erasure (program_id, id);
CREATE INDEX erasure_running ON erasure (id) WHERE ended_at_ms IS NULL;

-- Events whose data was erased: they are not sent again.
CREATE TABLE erased_event (
    event_id INTEGER NOT NULL PRIMARY KEY
) STRICT;

-- Whoever reads the audit log without this cannot find out whom a hash stands for by trying.
CREATE TABLE erasure_key (
    id  INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;
