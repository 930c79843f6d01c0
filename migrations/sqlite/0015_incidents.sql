-- What those who run the server say of it: incidents, and maintenance, which is one with a schedule.

CREATE TABLE incident (
    id                 INTEGER NOT NULL PRIMARY KEY,
    name               TEXT NOT NULL,
    status             TEXT NOT NULL,
    impact             TEXT NOT NULL,
    components         TEXT NOT NULL, -- JSON
    scheduled_from_ms  INTEGER,       -- of maintenance only
    scheduled_until_ms INTEGER,
    created_at_ms      INTEGER NOT NULL,
    updated_at_ms      INTEGER NOT NULL,
    started_at_ms      INTEGER,
    monitoring_at_ms   INTEGER,
    ended_at_ms        INTEGER
) STRICT;

CREATE TABLE incident_update (
    incident_id INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    status      TEXT NOT NULL,
    message     TEXT NOT NULL,
    components  TEXT NOT NULL, -- JSON: how they were then
    PRIMARY KEY (incident_id, id)
) STRICT, WITHOUT ROWID;
