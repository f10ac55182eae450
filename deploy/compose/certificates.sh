#!/bin/sh
# Makes an authority and the certificates of broker and gateway, in the volume `certificates`. What is
# there is kept until less than 30 days are left; then it is made anew, by the same authority. For
# certificates of your own, put files of these names into the volume instead.
#
#   ca.pem, ca.key            the authority, ten years      ca.key: root only
#   kafka.pem                 the brokers' key and chain    read by Kafka
#   gateway.pem, gateway.key  the gateway's                 read by nginx
set -eu
umask 077

directory="${CERTIFICATES_DIR:-/run/certificates}"
kafka="${KAFKA_OWNER:-1000:1000}"
gateway="${GATEWAY_OWNER:-101:101}"
brokers="kafka,kafka-2,kafka-3,localhost,127.0.0.1"
hosts="${CERTIFICATE_HOSTS:-localhost,127.0.0.1}"
days=397
renew_seconds=$((30 * 24 * 3600))

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# IP addresses and names are of different kinds in a certificate.
alternatives() { # names with commas between
    echo "$1" | tr ',' '\n' | while read -r name; do
        case "$name" in
            *[!0-9.]*) echo "DNS:$name" ;;
            *) echo "IP:$name" ;;
        esac
    done | paste -sd, -
}

good() { # file
    [ -e "$directory/$1" ] && openssl x509 -in "$directory/$1" -noout -checkend "$renew_seconds" >/dev/null
}

# Into $work/NAME.key and .pem.
sign() { # name, names with commas between
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -keyout "$work/$1.key" -out "$work/$1.csr" -subj "/CN=$1" 2>/dev/null
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n' \
        "$(alternatives "$2")" >"$work/$1.ext"
    openssl x509 -req -in "$work/$1.csr" -CA "$directory/ca.pem" -CAkey "$directory/ca.key" \
        -CAcreateserial -CAserial "$work/serial" -days "$days" -extfile "$work/$1.ext" \
        -out "$work/$1.pem" 2>/dev/null
}

put() { # file, owner, mode, name
    chmod "$3" "$1"
    chown "$2" "$1"
    # Beside first: the volume is another file system than /tmp, and a reader must not see half a file.
    cp -p "$1" "$directory/.$4.new"
    chown "$2" "$directory/.$4.new"
    mv -f "$directory/.$4.new" "$directory/$4"
    echo "made $4"
}

# Who trusts the authority need not keep its certificate secret; its key stays here.
chmod 0755 "$directory"
if ! good ca.pem; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -keyout "$work/ca.key" -out "$work/ca.pem" -subj "/CN=AlgoTrade authority" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        2>/dev/null
    put "$work/ca.key" "$(id -u):$(id -g)" 0400 ca.key
    put "$work/ca.pem" "$(id -u):$(id -g)" 0444 ca.pem
    rm -f "$directory/kafka.pem" "$directory/gateway.pem"
fi
if ! good kafka.pem; then
    sign kafka "$brokers"
    # As Kafka wants it: the key in PKCS#8, then the chain, in one file.
    openssl pkcs8 -topk8 -nocrypt -in "$work/kafka.key" -out "$work/kafka.p8"
    cat "$work/kafka.p8" "$work/kafka.pem" "$directory/ca.pem" >"$work/kafka.chain"
    put "$work/kafka.chain" "$kafka" 0400 kafka.pem
fi
if ! good gateway.pem; then
    sign gateway "$hosts"
    put "$work/gateway.key" "$gateway" 0400 gateway.key
    cat "$work/gateway.pem" "$directory/ca.pem" >"$work/gateway.chain"
    put "$work/gateway.chain" "$gateway" 0444 gateway.pem
fi
