-- Breaker, automatic disabling, warnings, endings of what is held, and starts of the process.

ALTER TABLE endpoint_state ADD COLUMN failing_deliveries TEXT NOT NULL DEFAULT ''; -- at most three ids, comma-separated
ALTER TABLE endpoint_state ADD COLUMN failing_since_ms BIGINT;
ALTER TABLE endpoint_state ADD COLUMN opened_at_ms BIGINT; -- the breaker is open since then
ALTER TABLE endpoint_state ADD COLUMN failed_probes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE endpoint_state ADD COLUMN next_probe_at_ms BIGINT;
ALTER TABLE endpoint_state ADD COLUMN paused_until_ms BIGINT; -- the receiver asked for it
ALTER TABLE endpoint_state ADD COLUMN warnings BIGINT NOT NULL DEFAULT 0;

-- When it was last disabled: what is parked is kept for as long as retention says from then on.
ALTER TABLE endpoint ADD COLUMN parked_at_ms BIGINT;

-- Deadlines of deliveries that were tried and failed; those not tried yet expire in the order of the queue. Happy
-- deliveries never have a row here.
CREATE INDEX pending_deadline ON pending (endpoint_id, expires_at_ms) WHERE attempts > 0;

-- What a webhook's owner is to be told.
CREATE TABLE notice (
    id          BIGINT NOT NULL PRIMARY KEY,
    program_id  TEXT COLLATE "C" NOT NULL REFERENCES program (id),
    endpoint_id BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    since_ms    BIGINT NOT NULL -- failing, or parked, since then
);

CREATE INDEX notice_program ON notice (program_id, id);

-- Each start of the process; after an unclean end, requests may have been under way.
CREATE TABLE boot (
    at_ms     BIGINT NOT NULL PRIMARY KEY,
    is_clean  BIGINT NOT NULL, -- whether the process before it ended in order
    has_ended BIGINT NOT NULL  -- whether this one did
);
