-- Where users want to be told outside the page.
CREATE TABLE notification.targets (
    id uuid PRIMARY KEY,
    user_id text NOT NULL,
    name text NOT NULL,
    form text NOT NULL CHECK (form IN ('webhook', 'slack', 'discord', 'telegram')),
    -- For all forms but the signed one, who knows it can write there: never shown whole.
    url text NOT NULL,
    chat_id text,
    -- Of a webhook: signs; the one before signs, too, until then.
    secret text,
    old_secret text,
    old_secret_until timestamptz,
    enabled boolean NOT NULL DEFAULT true,
    off_reason text,
    -- In a row.
    failures integer NOT NULL DEFAULT 0,
    -- After a failure it is left alone until then.
    not_before timestamptz,
    -- A worker has it until then.
    leased_until timestamptz,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_failure text,
    tested_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, name)
);

CREATE TABLE notification.deliveries (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What the target is told, the same for each attempt.
    id uuid NOT NULL UNIQUE,
    target_id uuid NOT NULL REFERENCES notification.targets ON DELETE CASCADE,
    user_id text NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    message text NOT NULL,
    severity text NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'delivered', 'given_up', 'suppressed')),
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz
);

CREATE INDEX deliveries_waiting ON notification.deliveries (target_id, due_at, seq)
    WHERE state = 'pending';
CREATE INDEX deliveries_of_user ON notification.deliveries (user_id, seq DESC);
CREATE INDEX deliveries_of_hour ON notification.deliveries (target_id, created_at);

-- What a user wants to be told, as the API has it.
CREATE TABLE notification.preferences (
    user_id text PRIMARY KEY,
    preferences jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE notification.notifications ADD COLUMN kind text;

-- What users change about their targets, noted in the transaction that changes it: `algotrade ops`
-- relays the rows to the topic audit-logs and deletes them.
CREATE TABLE notification.audit_outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A trigger, so that no change can be forgotten.
CREATE FUNCTION notification.audit() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO notification.audit_outbox (actor, action, subject)
        VALUES (NEW.user_id, 'target.create', NEW.id::TEXT);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO notification.audit_outbox (actor, action, subject)
        VALUES (
            -- A target that is gone for good is switched off by the service.
            CASE WHEN NEW.off_reason IS DISTINCT FROM OLD.off_reason AND NOT NEW.enabled
                THEN 'notification' ELSE NEW.user_id END,
            CASE WHEN NEW.secret IS DISTINCT FROM OLD.secret THEN 'target.secret'
                WHEN NEW.enabled AND NOT OLD.enabled THEN 'target.on'
                WHEN OLD.enabled AND NOT NEW.enabled THEN 'target.off'
                ELSE 'target.update' END,
            NEW.id::TEXT
        );
    ELSE
        INSERT INTO notification.audit_outbox (actor, action, subject)
        VALUES (OLD.user_id, 'target.delete', OLD.id::TEXT);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER targets_audit AFTER INSERT OR DELETE ON notification.targets
    FOR EACH ROW EXECUTE FUNCTION notification.audit();
-- Not what workers note about calls.
CREATE TRIGGER targets_change_audit AFTER UPDATE ON notification.targets
    FOR EACH ROW WHEN ((OLD.name, OLD.url, OLD.chat_id, OLD.secret, OLD.enabled)
        IS DISTINCT FROM (NEW.name, NEW.url, NEW.chat_id, NEW.secret, NEW.enabled))
    EXECUTE FUNCTION notification.audit();
