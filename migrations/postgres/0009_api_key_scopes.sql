-- What a key may do, where, and how often. Those that were made before could do all but make keys.
ALTER TABLE api_key ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read,events,webhooks';
ALTER TABLE api_key ADD COLUMN program_id TEXT; -- the one program it is good for; NULL is all
ALTER TABLE api_key ADD COLUMN rate_limit TEXT; -- second/minute/hour; NULL is what the server's configuration says
ALTER TABLE api_key ADD COLUMN ends_with TEXT; -- the last characters of its text, to recognise it by
ALTER TABLE api_key ADD COLUMN last_used_at_ms BIGINT; -- written once a minute at most
