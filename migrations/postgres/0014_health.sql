-- How this server has been, for System Status.

-- While something ran: a row for each run, whose end moves on with every heartbeat. What lies between two runs is downtime.
CREATE TABLE heartbeat (
    id              BIGINT NOT NULL PRIMARY KEY,
    began_at_ms     BIGINT NOT NULL,
    last_at_ms      BIGINT NOT NULL,
    waiting         BIGINT NOT NULL, -- deliveries that were due when it began, counted up to a bound
    caught_up_at_ms BIGINT           -- when all of those had been tried
);

-- Rows are updated all the time, so what changes is in no index.
CREATE INDEX heartbeat_began ON heartbeat (began_at_ms);

-- While a component of something that ran was not well.
CREATE TABLE trouble (
    id              BIGINT NOT NULL PRIMARY KEY,
    component       TEXT COLLATE "C" NOT NULL,
    status          TEXT COLLATE "C" NOT NULL,
    began_at_ms     BIGINT NOT NULL,
    until_ms        BIGINT NOT NULL
);

CREATE INDEX trouble_began ON trouble (began_at_ms);

-- How long deliveries waited for their first attempt: how many, by the time and by what they did not exceed.
CREATE TABLE first_attempt_wait (
    slot            BIGINT NOT NULL, -- ten minutes, counted from 1970
    up_to_us        BIGINT NOT NULL, -- the bound, in microseconds; the last one has none
    deliveries      BIGINT NOT NULL,
    PRIMARY KEY (slot, up_to_us)
);
