-- The key that secrets are sealed with (endpoint.secret, old_secret and headers, draft.rows_json), as the database knows
-- it: by a value that only this key opens. One row; none means that nothing is sealed yet.
CREATE TABLE secrets_key (
    id          TEXT NOT NULL PRIMARY KEY,
    check_value TEXT NOT NULL,
    since_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
