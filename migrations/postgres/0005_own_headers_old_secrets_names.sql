-- Headers of a webhook's own, as JSON: [["name","value"], …]; NULL is none. Values are secrets.
ALTER TABLE endpoint ADD COLUMN headers TEXT;

-- The secret that was replaced, while requests are signed with it, too; NULL when there is none.
ALTER TABLE endpoint ADD COLUMN old_secret TEXT;
ALTER TABLE endpoint ADD COLUMN old_secret_ends_at_ms BIGINT;
-- When a test that was signed with the new secret alone was last answered 2xx; NULL is not yet.
ALTER TABLE endpoint ADD COLUMN new_secret_accepted_at_ms BIGINT;

-- What people call it; NULL is nothing.
ALTER TABLE endpoint ADD COLUMN name TEXT;
