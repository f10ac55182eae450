#!/bin/sh
# Writes what an installation consists of into one new folder: Postgres' schemas and the brokers' logs
# with their offsets, which belong together. The services and the brokers must be stopped, in this
# order; docs/operations.md, Backup and restore, has the commands around it.
#
#   PGHOST, PGUSER, PGDATABASE   Postgres; the password is in SECRETS_DIR/postgres-password
#   KAFKA_DATA                   folder with one folder for each broker's volume
#   BACKUPS                      where the new folder goes
set -eu
umask 077

kafka="${KAFKA_DATA:-/kafka}"
backups="${BACKUPS:-/backups}"
secrets="${SECRETS_DIR:-/run/secrets/algotrade}"
if [ -e "$secrets/postgres-password" ]; then
    PGPASSWORD=$(cat "$secrets/postgres-password")
    export PGPASSWORD
fi

# A broker leaves this file when it has written everything, and takes it away when it starts.
for broker in "$kafka"/*/; do
    if [ -e "$broker/meta.properties" ] && [ ! -e "$broker/.kafka_cleanshutdown" ]; then
        echo "dump.sh: the broker of $broker runs, or was killed; stop it in order first:" >&2
        echo "  docker-compose up -d kafka && docker-compose stop kafka" >&2
        exit 1
    fi
done

name=$(date -u +%Y%m%dT%H%M%SZ)
partial="$backups/.$name.partial"
mkdir -p "$partial"
trap 'rm -rf "$partial"' EXIT
pg_dump --format=custom --file="$partial/postgres.dump" \
    --schema=market_data --schema=strategy --schema=forward_test --schema=notification \
    --schema=ops
tar -C "$kafka" -cf - . | gzip -1 >"$partial/kafka.tar.gz"
(cd "$partial" && sha256sum postgres.dump kafka.tar.gz >SHA256SUMS)
# A folder with its final name is a whole backup.
mv "$partial" "$backups/$name"
trap - EXIT
echo "wrote $backups/$name ($(du -sk "$backups/$name" | cut -f 1) KiB)"
