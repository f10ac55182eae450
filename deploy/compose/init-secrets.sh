#!/bin/sh
# Makes the secrets of a compose installation once, in the volume `secrets`, so that the stack comes
# up without a step by hand and still has no default password. What exists is never touched.
#
#   auth-secret        signs the users' tokens           read by the four services
#   database-url       Postgres address with password    read by the services that have tables
#   postgres-password  the same password                 read by Postgres
set -eu
umask 077

directory="${SECRETS_DIR:-/run/secrets/algotrade}"
services="${SERVICES_OWNER:-65532:65532}"
postgres="${POSTGRES_OWNER:-postgres:postgres}"

random_hex() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# Written aside and renamed: an interrupted start leaves no half secret behind.
write_secret() { # name, owner, value
    printf '%s' "$3" >"$directory/.$1.new"
    chmod 0400 "$directory/.$1.new"
    chown "$2" "$directory/.$1.new"
    mv -f "$directory/.$1.new" "$directory/$1"
    echo "made $1"
}

# Every reader may pass through the directory; each file opens only for its owner.
chmod 0711 "$directory"

if [ ! -e "$directory/auth-secret" ]; then
    write_secret auth-secret "$services" "$(random_hex)"
fi

# The password's own file comes last: it stands for the pair, so both are made again if only one was.
if [ ! -e "$directory/postgres-password" ]; then
    password=$(random_hex)
    write_secret database-url "$services" \
        "postgres://algotrade:$password@postgres:5432/algotrade"
    write_secret postgres-password "$postgres" "$password"
fi
