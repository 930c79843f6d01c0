-- What came of attempts, by the hour: counted in memory, written now and then. Nothing but charts and hints is made from it.
CREATE TABLE endpoint_hour (
    endpoint_id BIGINT NOT NULL,
    hour        BIGINT NOT NULL, -- hours since 1970
    delivered   BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    undeliverable BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, hour)
);

-- Old hours are forgotten oldest first.
CREATE INDEX endpoint_hour_age ON endpoint_hour (hour);
