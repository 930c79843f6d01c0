-- Whose an address is. An account can have any address; that it is theirs is shown by whoever reads the mail there, or said by
-- the provider that they sign in with. Letters of an account go to such addresses alone.
CREATE TABLE mail_address (
    user_id TEXT COLLATE "C" NOT NULL,
    email   TEXT COLLATE "C" NOT NULL,
    token   TEXT COLLATE "C" UNIQUE, -- in the link of the letter that asks; NULL when nobody was asked
    state   TEXT NOT NULL,           -- asked, theirs, not_theirs
    at_ms   BIGINT NOT NULL,         -- when they were asked last, or when it was shown
    PRIMARY KEY (user_id, email)
);

-- An account without a password, but with an address, was made with the address that a provider said was verified; to change it,
-- somebody chooses a password. Nothing is known of the others.
INSERT INTO mail_address (user_id, email, token, state, at_ms)
SELECT id, email, NULL, 'theirs', created_at_ms FROM user_account
WHERE email IS NOT NULL AND password_hash IS NULL AND oidc_subject IS NOT NULL;
