-- Of each process: no event of it with an id up to here is committed any more. Nothing while it may commit none: it has not begun
-- to, or was silent for so long that others go on without it; then it takes the highest one and begins above that. So everything
-- up to the lowest of them is there, and whoever follows a program's events may be told of it.
ALTER TABLE node ADD COLUMN settled BIGINT;
