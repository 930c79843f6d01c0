-- Somebody joins: the row and the event are one transaction. Either both are there, or neither.
--
--   psql -v program=… -v id=ada -v email=ada@example.com -f join.sql

\set ON_ERROR_STOP on

BEGIN;

INSERT INTO member (id, email) VALUES (:'id', :'email');

SELECT groundswell.emit(
    :'program',
    'NEW_PARTICIPANT_ADDED',
    jsonb_build_object('id', :'id', 'email', :'email'),
    'joined-' || :'id'
);

COMMIT;
