-- People, the teams they work in, and what they may do there. Everything that was there before belongs to the first team,
-- and everybody who was signed in is its first owner, who gives an e-mail address and a password later.

CREATE TABLE team (
    id            TEXT NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO team (id, name, created_at_ms) VALUES ('team_first', 'My team', 0);

CREATE TABLE user_account (
    id            TEXT NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    email         TEXT UNIQUE, -- in lower case; NULL until it is given
    password_hash TEXT,        -- argon2id in PHC form; NULL without a password
    oidc_subject  TEXT UNIQUE, -- issuer, a space, subject
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO user_account (id, name, created_at_ms) VALUES ('usr_first', 'Owner', 0);

CREATE TABLE membership (
    team_id  TEXT NOT NULL REFERENCES team (id),
    user_id  TEXT NOT NULL REFERENCES user_account (id),
    role     TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (team_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX membership_user ON membership (user_id);

INSERT INTO membership (team_id, user_id, role, since_ms) VALUES ('team_first', 'usr_first', 'owner', 0);

CREATE TABLE invitation (
    id            TEXT NOT NULL PRIMARY KEY,
    token_hash    BLOB NOT NULL UNIQUE,
    team_id       TEXT NOT NULL REFERENCES team (id),
    email         TEXT NOT NULL, -- in lower case
    role          TEXT NOT NULL,
    invited_by    TEXT NOT NULL, -- a name, for people
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Browsers that somebody has signed in with: others' wrong passwords do not keep them out.
CREATE TABLE device (
    token_hash    BLOB NOT NULL PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES user_account (id),
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE program ADD COLUMN team_id TEXT NOT NULL DEFAULT 'team_first';
ALTER TABLE api_key ADD COLUMN team_id TEXT NOT NULL DEFAULT 'team_first';
ALTER TABLE sign_in_link ADD COLUMN user_id TEXT NOT NULL DEFAULT 'usr_first';

ALTER TABLE session ADD COLUMN user_id TEXT NOT NULL DEFAULT 'usr_first';
ALTER TABLE session ADD COLUMN team_id TEXT; -- the team that is looked at; NULL is the person's first
ALTER TABLE session ADD COLUMN last_seen_at_ms INTEGER NOT NULL DEFAULT 0; -- written every few minutes at most
ALTER TABLE session ADD COLUMN address TEXT;
ALTER TABLE session ADD COLUMN user_agent TEXT;

-- Sessions from before have no time at which they were last used: it is not held against them.
UPDATE session SET last_seen_at_ms = expires_at_ms;
