-- Who may sign in with a password.
CREATE TABLE notification.accounts (
    user_id text PRIMARY KEY,
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('user', 'operator')),
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A browser that is signed in. Its cookie is kept as a hash: who reads this table can't sign in.
CREATE TABLE notification.browser_sessions (
    id uuid PRIMARY KEY,
    cookie_hash bytea NOT NULL UNIQUE,
    user_id text NOT NULL REFERENCES notification.accounts ON DELETE CASCADE,
    user_agent text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX browser_sessions_of_user ON notification.browser_sessions (user_id, used_at);
CREATE INDEX browser_sessions_ended ON notification.browser_sessions (expires_at);

-- What programs sign in with, as a hash, too.
CREATE TABLE notification.api_tokens (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,
    user_id text NOT NULL REFERENCES notification.accounts ON DELETE CASCADE,
    name text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('read', 'trade')),
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz,
    expires_at timestamptz NOT NULL,
    UNIQUE (user_id, name)
);

-- Attempts to sign in since the last one that succeeded.
CREATE TABLE notification.sign_in_attempts (
    who text PRIMARY KEY,
    attempts integer NOT NULL,
    tried_at timestamptz NOT NULL,
    locked_until timestamptz NOT NULL
);

-- `algotrade ops` takes what becomes of targets and accounts out of the outbox of 0010. Its role is made
-- by deploy/postgres/set-up.sh, which grants the same where the table was there before the role.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ops') THEN
        GRANT SELECT, DELETE ON notification.audit_outbox TO ops;
    END IF;
END
$$;

-- The actor is set for the transaction by whoever changes an account (`algotrade.actor`).
CREATE FUNCTION notification.audit_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    actor text := coalesce(nullif(current_setting('algotrade.actor', true), ''), 'notification');
    action text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        action := 'account.create';
    ELSIF TG_OP = 'DELETE' THEN
        action := 'account.delete';
    ELSIF OLD.disabled IS DISTINCT FROM NEW.disabled THEN
        action := CASE WHEN NEW.disabled THEN 'account.disable' ELSE 'account.enable' END;
    ELSIF OLD.role IS DISTINCT FROM NEW.role THEN
        action := 'account.role';
    ELSE
        action := 'account.password';
    END IF;
    INSERT INTO notification.audit_outbox (actor, action, subject)
    VALUES (actor, action, CASE WHEN TG_OP = 'DELETE' THEN OLD.user_id ELSE NEW.user_id END);
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_audit AFTER INSERT OR UPDATE OR DELETE ON notification.accounts
    FOR EACH ROW EXECUTE FUNCTION notification.audit_accounts();

CREATE FUNCTION notification.audit_signing_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notification.audit_outbox (actor, action, subject)
    VALUES (NEW.user_id, TG_ARGV[0], NEW.id::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER browser_sessions_audit AFTER INSERT ON notification.browser_sessions
    FOR EACH ROW EXECUTE FUNCTION notification.audit_signing_in('account.sign_in');
CREATE TRIGGER api_tokens_audit AFTER INSERT ON notification.api_tokens
    FOR EACH ROW EXECUTE FUNCTION notification.audit_signing_in('account.api_token');
