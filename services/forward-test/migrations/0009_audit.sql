-- What becomes of sessions, noted in the transaction that changes it: `algotrade ops` relays the
-- rows to the topic audit-logs and deletes them.
CREATE TABLE forward_test.audit_outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A trigger, so that no change can be forgotten. Users create sessions and ask for their end; how
-- it goes on is decided by the log.
CREATE FUNCTION forward_test.audit() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO forward_test.audit_outbox (actor, action, subject)
        VALUES (NEW.user_id, 'session.create', NEW.id::TEXT);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO forward_test.audit_outbox (actor, action, subject)
        VALUES (
            CASE WHEN NEW.status = 'STOPPING' THEN NEW.user_id ELSE 'forward-test' END,
            'session.' || lower(NEW.status),
            NEW.id::TEXT
        );
    ELSE
        INSERT INTO forward_test.audit_outbox (actor, action, subject)
        VALUES ('forward-test', 'session.withdrawn', OLD.id::TEXT);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER sessions_audit AFTER INSERT OR DELETE ON forward_test.sessions
    FOR EACH ROW EXECUTE FUNCTION forward_test.audit();
CREATE TRIGGER sessions_status_audit AFTER UPDATE OF status ON forward_test.sessions
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION forward_test.audit();
