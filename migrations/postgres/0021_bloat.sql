-- When PostgreSQL clears away what is deleted or replaced. It looks at each table once a minute (autovacuum_naptime), which no
-- table can change, so a threshold says no more than from which look on it is worth it. What pauses between pages would make it
-- slower than the rows that come meanwhile.
--
-- Partitions take no settings from their parents. New ones get theirs when they are made (`store/postgres/partitions.rs`); those
-- that are there go on without, until retention drops them.

-- 2,000 deliveries a second leave 120,000 rows a minute behind, in a table that has next to none when all is well. A thousand is
-- half a second's; one in a hundred keeps a queue of millions from being gone through for little.
ALTER TABLE pending SET (
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_cost_delay = 0
);

-- As `pending`; and its index is read from its beginning, over all that is dead there.
ALTER TABLE emitted SET (
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);

-- A row for each webhook, replaced in its place (no index has what changes) as long as its page has room: with every failure of
-- one that fails, and once a minute else. So half of each page is kept free. Half a thousand dead rows are some pages.
ALTER TABLE endpoint_state SET (
    fillfactor = 50,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_scale_factor = 0.1,
    autovacuum_vacuum_cost_delay = 0
);

-- Seven days of keys: up to a billion rows, of which as many go each second as come. A fifth of them, which is the default, would
-- be more than a day's; one in fifty is some hours'. It pauses as usual, since all of its index is gone through.
ALTER TABLE idempotency SET (
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 10000
);
