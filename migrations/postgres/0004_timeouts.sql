-- How long a webhook's receiver has for its whole answer; NULL is what the server's configuration says.
ALTER TABLE endpoint ADD COLUMN timeout_seconds BIGINT;

-- Whether an owner was told of something already is asked at each sweep of retention.
CREATE INDEX notice_endpoint ON notice (endpoint_id, kind, at_ms);
