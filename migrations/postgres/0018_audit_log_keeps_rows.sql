-- Nobody removes a row of the audit log before retention does. That takes rows after 400 days; the day less is for a database
-- whose clock is not the server's.
CREATE FUNCTION audit_log_keeps_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at_ms > (EXTRACT(EPOCH FROM now()) - 399 * 86400) * 1000 THEN
        RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION audit_log_keeps_rows();
