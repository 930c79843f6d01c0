-- A delivery that repeats another one: its own id, the same event's bytes.
CREATE TABLE resend (
    id             INTEGER NOT NULL PRIMARY KEY, -- the delivery's id
    program_id     TEXT NOT NULL,
    event_id       INTEGER NOT NULL,
    original_id    INTEGER NOT NULL, -- the delivery that is repeated
    endpoint_id    INTEGER NOT NULL,
    accepted_at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX resend_program ON resend (program_id, id);
CREATE INDEX resend_event ON resend (event_id);

-- Many resends, made in the background.
CREATE TABLE resend_job (
    id            INTEGER NOT NULL PRIMARY KEY,
    program_id    TEXT NOT NULL REFERENCES program (id),
    selection     TEXT NOT NULL, -- JSON: which deliveries
    state         TEXT NOT NULL,
    total         INTEGER NOT NULL,
    done          INTEGER NOT NULL,
    cursor        INTEGER NOT NULL, -- deliveries up to this id have not been looked at yet
    created_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER
) STRICT;

CREATE INDEX resend_job_program ON resend_job (program_id, id);
CREATE INDEX resend_job_running ON resend_job (id) WHERE ended_at_ms IS NULL;

-- Old keys are forgotten oldest first.
CREATE INDEX idempotency_age ON idempotency (accepted_at_ms);
