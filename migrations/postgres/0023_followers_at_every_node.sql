-- Up to where the events of each process are settled: what it commits later has higher ids. So everything up to the lowest of these
-- is there, and whoever follows a program's events may be told of it.

-- What a process began above. Nothing while it may commit no events: it has not begun to, or was silent for so long that others
-- go on without it; then it takes the highest one and begins above that.
ALTER TABLE node ADD COLUMN settled BIGINT;

-- What it said with a commit.
ALTER TABLE node_commit ADD COLUMN settled BIGINT;
