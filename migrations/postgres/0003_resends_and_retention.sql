-- A delivery that repeats another one: its own id, the same event's bytes.
CREATE TABLE resend (
    id             BIGINT NOT NULL PRIMARY KEY, -- the delivery's id
    program_id     TEXT COLLATE "C" NOT NULL,
    event_id       BIGINT NOT NULL,
    original_id    BIGINT NOT NULL, -- the delivery that is repeated
    endpoint_id    BIGINT NOT NULL,
    accepted_at_ms BIGINT NOT NULL
);

CREATE INDEX resend_program ON resend (program_id, id);
CREATE INDEX resend_event ON resend (event_id);

-- Many resends, made in the background.
CREATE TABLE resend_job (
    id            BIGINT NOT NULL PRIMARY KEY,
    program_id    TEXT COLLATE "C" NOT NULL REFERENCES program (id),
    selection     TEXT NOT NULL, -- JSON: which deliveries
    state         TEXT NOT NULL,
    total         BIGINT NOT NULL,
    done          BIGINT NOT NULL,
    cursor        BIGINT NOT NULL, -- deliveries up to this id have not been looked at yet
    created_at_ms BIGINT NOT NULL,
    ended_at_ms   BIGINT
);

CREATE INDEX resend_job_program ON resend_job (program_id, id);
CREATE INDEX resend_job_running ON resend_job (id) WHERE ended_at_ms IS NULL;

-- Old keys are forgotten oldest first.
CREATE INDEX idempotency_age ON idempotency (accepted_at_ms);
