-- What those who run the server say of it: incidents, and maintenance, which is one with a schedule.

CREATE TABLE incident (
    id                 BIGINT NOT NULL PRIMARY KEY,
    name               TEXT NOT NULL,
    status             TEXT NOT NULL,
    impact             TEXT NOT NULL,
    components         TEXT NOT NULL, -- JSON
    scheduled_from_ms  BIGINT,           -- of maintenance only
    scheduled_until_ms BIGINT,
    created_at_ms      BIGINT NOT NULL,
    updated_at_ms      BIGINT NOT NULL,
    started_at_ms      BIGINT,
    monitoring_at_ms   BIGINT,
    ended_at_ms        BIGINT
);

CREATE TABLE incident_update (
    incident_id BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    status      TEXT NOT NULL,
    message     TEXT NOT NULL,
    components  TEXT NOT NULL, -- JSON: how they were then
    PRIMARY KEY (incident_id, id)
);
