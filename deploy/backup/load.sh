#!/bin/sh
# Puts a backup of dump.sh back. Postgres runs and has its roles (database-setup); services and brokers
# are stopped, and the brokers' volumes are empty. Usage: load.sh NAME; settings as for dump.sh.
set -eu
umask 077

kafka="${KAFKA_DATA:-/kafka}"
backup="${BACKUPS:-/backups}/${1:?usage: load.sh NAME}"
secrets="${SECRETS_DIR:-/run/secrets/algotrade}"
if [ -e "$secrets/postgres-password" ]; then
    PGPASSWORD=$(cat "$secrets/postgres-password")
    export PGPASSWORD
fi

# Before anything is touched: a damaged backup must not replace what is there.
(cd "$backup" && sha256sum -c SHA256SUMS >/dev/null) || {
    echo "load.sh: $backup is damaged; nothing was changed" >&2
    exit 1
}
if [ -n "$(find "$kafka" -name meta.properties | head -n 1)" ]; then
    echo "load.sh: $kafka has a broker's data already; remove the volume first:" >&2
    echo "  docker volume rm algotrade_kafka-data" >&2
    exit 1
fi

# One transaction: all of it or nothing.
pg_restore --dbname="$PGDATABASE" --clean --if-exists --exit-on-error --single-transaction \
    "$backup/postgres.dump"
# -p and numeric owners: the files are the broker's user's, who need not exist here.
gzip -dc "$backup/kafka.tar.gz" | tar -C "$kafka" -xpf -
echo "restored $backup"
