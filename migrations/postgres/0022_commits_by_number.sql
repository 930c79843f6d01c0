-- The commits of each process, by number: a row for each of the last few seconds, written just before it commits. They stood in
-- one row of `node` before, and each commit went through all of that row's versions while somebody's long transaction kept them.
-- `node.commits` stays for processes of the version before, which may run beside those of this one.
-- Where the other tables are: for a role named `groundswell` the schema of that name comes first by now.
SELECT set_config('search_path', quote_ident(room.nspname), true)
FROM pg_class AS node
JOIN pg_namespace AS room ON room.oid = node.relnamespace
WHERE node.oid = to_regclass('node');

CREATE TABLE node_commit (
    node   BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (node, number)
);

ALTER TABLE node_commit SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);
