-- Once, as the owner of Groundswell's database: what the example works with, and what its role may.

CREATE TABLE member (
    id    TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE
);

CREATE ROLE shop LOGIN;
GRANT SELECT, INSERT ON member TO shop;

-- All that it takes to emit events. Groundswell's own tables stay closed.
GRANT USAGE ON SCHEMA groundswell TO shop;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA groundswell TO shop;
