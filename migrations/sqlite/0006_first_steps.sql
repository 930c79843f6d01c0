-- The address of a program's inbox, the built-in receiver for first steps. Here and not with the requests, because webhooks
-- have it in their URLs: both are restored from one backup.
CREATE TABLE inbox (
    program_id TEXT NOT NULL PRIMARY KEY REFERENCES program (id),
    token      TEXT NOT NULL UNIQUE,
    made_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The programs whose checklist of first steps is done, or was sent away.
CREATE TABLE first_steps (
    program_id  TEXT NOT NULL PRIMARY KEY REFERENCES program (id),
    ended_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whether a program was tested is asked as long as it has its checklist.
CREATE INDEX test_delivery_program ON test_delivery (program_id, id);
