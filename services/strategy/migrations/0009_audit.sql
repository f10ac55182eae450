-- What users change, noted in the transaction that changes it: `algotrade ops` relays the rows to
-- the topic audit-logs and deletes them.
CREATE TABLE strategy.audit_outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A trigger, so that no change can be forgotten.
CREATE FUNCTION strategy.audit() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO strategy.audit_outbox (actor, action, subject)
        VALUES (NEW.user_id, 'strategy.create', NEW.id::TEXT);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO strategy.audit_outbox (actor, action, subject)
        VALUES (NEW.user_id, 'strategy.update', NEW.id::TEXT || ' version ' || NEW.version);
    ELSE
        INSERT INTO strategy.audit_outbox (actor, action, subject)
        VALUES (OLD.user_id, 'strategy.delete', OLD.id::TEXT);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER strategies_audit AFTER INSERT OR UPDATE OR DELETE ON strategy.strategies
    FOR EACH ROW EXECUTE FUNCTION strategy.audit();
