-- The address of a program's inbox, the built-in receiver for first steps.
CREATE TABLE inbox (
    program_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES program (id),
    token      TEXT COLLATE "C" NOT NULL UNIQUE,
    made_at_ms BIGINT NOT NULL
);

-- What inboxes have got. SQLite keeps it in a file of its own, away from the one writer of this one (store/sqlite/inbox.rs).
CREATE TABLE inbox_request (
    id             BIGINT NOT NULL PRIMARY KEY,
    program_id     TEXT COLLATE "C" NOT NULL,
    received_at_ms BIGINT NOT NULL,
    method         TEXT NOT NULL,
    is_own         BIGINT NOT NULL,
    webhook_id     TEXT, -- the header
    kind           TEXT COLLATE "C",
    check_json     TEXT NOT NULL,
    headers_json   TEXT NOT NULL,
    body_bytes     BIGINT NOT NULL,
    body           BYTEA NOT NULL
);

CREATE INDEX inbox_request_program ON inbox_request (program_id, id);
CREATE INDEX inbox_request_age ON inbox_request (received_at_ms);

-- The programs whose checklist of first steps is done, or was sent away.
CREATE TABLE first_steps (
    program_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES program (id),
    ended_at_ms BIGINT NOT NULL
);

-- Whether a program was tested is asked as long as it has its checklist.
CREATE INDEX test_delivery_program ON test_delivery (program_id, id);
