-- Links that open one program's webhook settings, inside of another product. A link that was used is a session: its row
-- stays, with the hash of the session's token in the place of the link's.

CREATE TABLE editor_link (
    id              TEXT NOT NULL PRIMARY KEY,
    token_hash      BLOB NOT NULL UNIQUE,
    is_used         INTEGER NOT NULL,
    program_id      TEXT NOT NULL,
    api_key_id      TEXT,             -- the key that made it; NULL is the operator
    label           TEXT,             -- who it is for, in the words of who made it
    theme           TEXT NOT NULL,
    last_seen_at_ms INTEGER NOT NULL, -- written every few minutes at most
    expires_at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX editor_link_end ON editor_link (expires_at_ms);
