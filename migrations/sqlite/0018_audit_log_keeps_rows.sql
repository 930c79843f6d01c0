-- Nobody removes a row of the audit log before retention does. That takes rows after 400 days; the day less is for a database
-- whose clock is not the server's.
CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log
WHEN OLD.at_ms > (unixepoch() - 399 * 86400) * 1000
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- REPLACE removes the row it replaces without the trigger above.
CREATE TRIGGER audit_log_replaces_no_row BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
