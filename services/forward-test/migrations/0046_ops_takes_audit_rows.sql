-- `algotrade ops` takes the notes out of the outbox. Its role is made by deploy/postgres/set-up.sh, which
-- grants the same where the table was there before the role; where everything is one role there is
-- nothing to grant.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ops') THEN
        GRANT SELECT, DELETE ON forward_test.audit_outbox TO ops;
    END IF;
END
$$;
