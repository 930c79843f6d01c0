-- Several processes at one database. Times are on the database's clock. The row of `lease` is held only while a process
-- starts, and by what must be alone with the database.

-- One row for each process, from its start to its end. Every transaction that writes counts `commits` up before it commits:
-- so a process whose row is gone cannot commit, and when the answer to a COMMIT is lost the number tells what became of it.
CREATE TABLE node (
    id            BIGINT NOT NULL PRIMARY KEY, -- drawn at random at each start
    name          TEXT NOT NULL,               -- for people
    machine       TEXT NOT NULL,
    address       TEXT NOT NULL,               -- where other nodes speak to it
    number        SMALLINT NOT NULL,           -- in the lowest bits of the ids that it makes
    presence      TEXT NOT NULL,               -- 'alone', 'staying' or 'leaving'
    commits       BIGINT NOT NULL,
    open_until_ms BIGINT NOT NULL,             -- the process counts as having the database open until then
    expires_at_ms BIGINT                       -- shards are placed on it until then; nothing before it first asks for some
);

-- Changed with every commit: room on the page lets each version replace the one before it.
ALTER TABLE node SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);

-- Who delivers to the endpoints of a shard. An endpoint's shard is computed from its id, so no other table has it.
CREATE TABLE shard_lease (
    shard         SMALLINT NOT NULL PRIMARY KEY,
    owner         BIGINT,
    epoch         BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);

ALTER TABLE shard_lease SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);

INSERT INTO shard_lease (shard, owner, epoch, expires_at_ms) SELECT shard, NULL, 0, 0 FROM generate_series(0, 255) AS shard;

-- How often settings were changed, and what of them, for a day: in the transactions that change them, so that one version
-- follows the other without a gap.
CREATE TABLE settings_version (
    id      BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);

ALTER TABLE settings_version SET (fillfactor = 10);

INSERT INTO settings_version (id, version) VALUES (1, 0);

CREATE TABLE settings_change (
    version BIGINT NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL, -- 'program', 'api-keys' or 'erased'
    subject TEXT NOT NULL, -- the program's id, nothing, or the ids of events, comma-separated
    at_ms   BIGINT NOT NULL
);
