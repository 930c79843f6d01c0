-- How this server has been, for System Status.

-- While something ran: a row for each run, whose end moves on with every heartbeat. What lies between two runs is downtime.
CREATE TABLE heartbeat (
    id              INTEGER NOT NULL PRIMARY KEY,
    began_at_ms     INTEGER NOT NULL,
    last_at_ms      INTEGER NOT NULL,
    waiting         INTEGER NOT NULL, -- deliveries that were due when it began, counted up to a bound
    caught_up_at_ms INTEGER           -- when all of those had been tried
) STRICT, WITHOUT ROWID;

-- Rows are updated all the time, so what changes is in no index.
CREATE INDEX heartbeat_began ON heartbeat (began_at_ms);

-- While a component of something that ran was not well.
CREATE TABLE trouble (
    id              INTEGER NOT NULL PRIMARY KEY,
    component       TEXT NOT NULL,
    status          TEXT NOT NULL,
    began_at_ms     INTEGER NOT NULL,
    until_ms        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX trouble_began ON trouble (began_at_ms);

-- How long deliveries waited for their first attempt: how many, by the time and by what they did not exceed.
CREATE TABLE first_attempt_wait (
    slot            INTEGER NOT NULL, -- ten minutes, counted from 1970
    up_to_us        INTEGER NOT NULL, -- the bound, in microseconds; the last one has none
    deliveries      INTEGER NOT NULL,
    PRIMARY KEY (slot, up_to_us)
) STRICT, WITHOUT ROWID;
