-- Telling owners by e-mail: who is told, what waits to be sent, and who does not want it.

-- Whether letters about it are in the outbox, or nobody gets any. Nobody is told of what was noticed before there were letters.
ALTER TABLE notice ADD COLUMN is_told INTEGER NOT NULL DEFAULT 0;
UPDATE notice SET is_told = 1;
CREATE INDEX notice_untold ON notice (id) WHERE is_told = 0;

-- Who gets letters about a webhook. Owners of the team who got one without being named have a row, too: their link is in it.
CREATE TABLE mail_recipient (
    id            TEXT NOT NULL PRIMARY KEY,
    token         TEXT NOT NULL UNIQUE, -- in the links of their letters; all it does is to begin or to end these letters
    program_id    TEXT NOT NULL,
    endpoint_id   INTEGER NOT NULL,
    email         TEXT NOT NULL,
    language      TEXT NOT NULL,
    added_by      TEXT,                 -- a name, for people; NULL when nobody named them
    state         TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (endpoint_id, email)
) STRICT, WITHOUT ROWID;

CREATE INDEX mail_recipient_email ON mail_recipient (email);

-- Addresses that get no letters about webhooks at all, because whoever has them said so.
CREATE TABLE mail_refusal (
    email TEXT NOT NULL PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The language somebody last signed in with.
CREATE TABLE mail_person (
    user_id  TEXT NOT NULL PRIMARY KEY,
    language TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Letters that are not sent yet. What was sent is not kept.
CREATE TABLE mail_outbox (
    id            INTEGER NOT NULL PRIMARY KEY,
    email         TEXT NOT NULL,
    language      TEXT NOT NULL,
    token         TEXT,             -- the recipient's; NULL for letters that nobody can end
    content_json  TEXT NOT NULL,
    attempts      INTEGER NOT NULL,
    due_at_ms     INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX mail_outbox_due ON mail_outbox (due_at_ms, id);

-- Up to where undeliverable deliveries of a webhook have been told of.
CREATE TABLE mail_digest (
    endpoint_id INTEGER NOT NULL PRIMARY KEY,
    hour        INTEGER NOT NULL, -- hours since 1970
    counted     INTEGER NOT NULL, -- of that hour's so many
    at_ms       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
