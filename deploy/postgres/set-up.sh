#!/bin/sh
# Gives each service a role, a password and a schema of its own; can be run at any time. The server and
# its owner come from PGHOST, PGUSER, PGDATABASE; passwords from files, so that none is on a command line.
set -eu

secrets="${SECRETS_DIR:-/run/secrets/algotrade}"
if [ -e "$secrets/postgres-password" ]; then
    PGPASSWORD=$(cat "$secrets/postgres-password")
    export PGPASSWORD
fi
here=$(cd "$(dirname "$0")" && pwd)
for service in market-data strategy forward-test notification ops; do
    schema=$(echo "$service" | tr - _)
    # The statement with the password must not reach the server's log, even when it fails.
    PGOPTIONS="-c log_min_error_statement=panic -c log_statement=none" \
        psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
        --set role="$service" --set schema="$schema" \
        --set password_file="$secrets/postgres-password-$service" --file "$here/role.sql"
    echo "role $service owns schema $schema and nothing else"
done
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --file "$here/ops.sql"
echo "role ops relays what strategy and forward_test note for the audit log"
