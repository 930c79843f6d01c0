-- What came of attempts, by the hour: counted in memory, written now and then. Nothing but charts and hints is made from it.
CREATE TABLE endpoint_hour (
    endpoint_id INTEGER NOT NULL,
    hour        INTEGER NOT NULL, -- hours since 1970
    delivered   INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    undeliverable INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, hour)
) STRICT, WITHOUT ROWID;

-- Old hours are forgotten oldest first.
CREATE INDEX endpoint_hour_age ON endpoint_hour (hour);
