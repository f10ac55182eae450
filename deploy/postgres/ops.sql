-- What `algotrade ops` may do outside of its own schema: take the notes of changes, which it relays to the
-- topic audit-logs, out of the services' outboxes. It can neither write one nor read any other table.
GRANT USAGE ON SCHEMA strategy, forward_test, notification TO ops;
-- A service that makes its outbox later grants this itself (its migration 0046).
SELECT format('GRANT SELECT, DELETE ON %I.audit_outbox TO ops', n.nspname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('strategy', 'forward_test', 'notification') AND c.relname = 'audit_outbox' \gexec
