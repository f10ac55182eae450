#!/bin/sh
# Makes the secrets of a compose installation once, in the volume `secrets`, so that the stack comes
# up without a step by hand and still has no default password. What exists is never touched.
#
#   auth-secret                 signs the users' tokens               read by all services
#   database-url-SERVICE        Postgres address of one service       read by that service
#   postgres-password           the password of Postgres' owner       read by Postgres, database-setup
#   postgres-password-SERVICE   the password of a service's role      read by database-setup
#   kafka-password-USER         of one Kafka user                     read by that user; `connect` is Kafka's own
#   kafka-users.conf            all Kafka users                       read by Kafka
#   kafka-admin.properties      signs Kafka's own tools in            read by Kafka
#   grafana-password            of Grafana's user admin               read by Grafana
#
# With a command it replaces the key that signs tokens, while the services run and nobody is signed out:
#
#   replace-auth-key            makes a new one, lets every service learn of it, then signs with it
#   drop-old-auth-keys          once no token of an old one is in use: after 12 hours, by default
set -eu
umask 077

directory="${SECRETS_DIR:-/run/secrets/algotrade}"
services="${SERVICES_OWNER:-65532:65532}"
postgres="${POSTGRES_OWNER:-postgres:postgres}"
kafka="${KAFKA_OWNER:-1000:1000}"
grafana="${GRAFANA_OWNER:-472:0}"

# Services with tables, and Kafka's users.
databases="market-data strategy forward-test notification ops"
users="admin market-data strategy forward-test notification ops connect"

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

# Kafka Connect runs in Kafka's image, as its user.
reader_of() { # Kafka user
    case "$1" in
        connect) echo "$kafka" ;;
        *) echo "$services" ;;
    esac
}

missing() { # name
    [ ! -e "$directory/$1" ]
}

# Every reader may pass through the directory; each file opens only for its owner.
chmod 0711 "$directory"

case "${1:-}" in
    "") ;;
    replace-auth-key)
        # A line is a key: the first one signs, all of them check. More than four are never kept.
        old=$(head -n 3 "$directory/auth-secret")
        new=$(random_hex)
        write_secret auth-secret "$services" "$old
$new"
        # Services look at the file every 5 s. Whoever signs with the new key must not be met by one
        # that doesn't know it yet.
        sleep "${AUTH_KEY_WAIT:-15}"
        write_secret auth-secret "$services" "$new
$old"
        echo "tokens are signed with the new key; those of the old one are good until they expire"
        exit
        ;;
    drop-old-auth-keys)
        write_secret auth-secret "$services" "$(head -n 1 "$directory/auth-secret")"
        exit
        ;;
    *)
        echo "init-secrets.sh: there is no command $1" >&2
        exit 64
        ;;
esac

if missing auth-secret; then
    write_secret auth-secret "$services" "$(random_hex)"
fi
if missing grafana-password; then
    write_secret grafana-password "$grafana" "$(random_hex)"
fi
if missing postgres-password; then
    write_secret postgres-password "$postgres" "$(random_hex)"
fi

# The password's own file comes last: it stands for the pair, so both are made again if only one was.
for service in $databases; do
    if missing "postgres-password-$service"; then
        password=$(random_hex)
        write_secret "database-url-$service" "$services" \
            "postgres://$service:$password@postgres:5432/algotrade"
        write_secret "postgres-password-$service" "$postgres" "$password"
    fi
done

# Kafka reads all of them from one file, so they are made together, and that file comes last.
if missing kafka-users.conf; then
    login="org.apache.kafka.common.security.plain.PlainLoginModule required"
    entries=""
    for user in $users; do
        password=$(random_hex)
        write_secret "kafka-password-$user" "$(reader_of "$user")" "$password"
        entries="$entries user_$user=\"$password\""
        if [ "$user" = admin ]; then
            admin=$password
        fi
    done
    write_secret kafka-admin.properties "$kafka" "security.protocol=SASL_SSL
sasl.mechanism=PLAIN
ssl.truststore.type=PEM
ssl.truststore.location=/run/certificates/ca.pem
sasl.jaas.config=$login username=\"admin\" password=\"$admin\";
"
    # KafkaServer is what brokers are to each other and whom they let in.
    write_secret kafka-users.conf "$kafka" "KafkaServer {
    $login username=\"admin\" password=\"$admin\"$entries;
};
"
fi

# Whoever a later version added: the others keep their passwords, and brokers know the new one after
# their next start. The password's own file comes last here, too.
for user in $users; do
    if missing "kafka-password-$user"; then
        password=$(random_hex)
        write_secret kafka-users.conf "$kafka" "$(sed "s/ user_$user=\"[^\"]*\"//
            2s/;\$/ user_$user=\"$password\";/" "$directory/kafka-users.conf")
"
        write_secret "kafka-password-$user" "$(reader_of "$user")" "$password"
        echo "restart Kafka: it reads its users at its start, and $user is new"
    fi
done
