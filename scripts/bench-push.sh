#!/usr/bin/env bash
# The push layer beside a Centrifugo: the same clients and the same load, through the same Kafka, one after
# the other in one run. Builds Centrifugo with Go where it isn't there yet (some minutes on two cores),
# starts it on a free loopback port, with the history and recovery that notification has, as a consumer of
# a topic, and stops it at the end.
# Usage: scripts/bench-push.sh FOLDER_OF_BINARIES [ARGUMENTS OF algotrade bench push]
set -euo pipefail

readonly VERSION=v6.9.1
readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/algotrade/centrifugo-$VERSION"
readonly BINARIES=${1:?the folder of the binaries, such as target/release}
readonly PREFIX=centrifugo.
# Servers of its own, and in them this script again.
[[ -n ${ALGOTRADE_TEST_KAFKA:-} ]] || exec "$BINARIES/test-servers" run -- "$0" "$@"
shift

if [[ ! -x $CACHE/centrifugo ]]; then
    command -v go >/dev/null || {
        echo "bench-push: Go is needed to build Centrifugo: https://go.dev/dl/" >&2
        exit 2
    }
    echo "building Centrifugo $VERSION" >&2
    GOBIN=$CACHE go install "github.com/centrifugal/centrifugo/v6@$VERSION"
fi

folder=$(mktemp -d)
server=
stop() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT

secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY=$(secret)
export CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY
ALGOTRADE__KAFKA__TOPIC_PREFIX=$PREFIX "$BINARIES/algotrade" setup --kafka "$ALGOTRADE_TEST_KAFKA" >/dev/null
cat >"$folder/config.json" <<JSON
{
  "http_server": {"address": "127.0.0.1", "port": $port},
  "log": {"level": "error"},
  "channel": {"namespaces": [{
    "name": "user", "allow_subscribe_for_client": true,
    "history_size": 1000, "history_ttl": "300s", "force_recovery": true
  }]},
  "consumers": [{"name": "bench", "enabled": true, "type": "kafka", "kafka": {
    "brokers": ["$ALGOTRADE_TEST_KAFKA"], "topics": ["${PREFIX}realtime-updates"], "consumer_group": "centrifugo"
  }}]
}
JSON
# Both servers have an open file for each client.
ulimit -n 20000
"$CACHE/centrifugo" --config "$folder/config.json" &
server=$!
for _ in $(seq 100); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done
"$BINARIES/algotrade" bench push --against "ws://127.0.0.1:$port/connection/websocket" \
    --against-topic "${PREFIX}realtime-updates" --against-pid "$server" "$@"
