#!/bin/sh
# Starts Kafka Connect with a connector for each of CONNECT_TOPICS. With CONNECT_SECURE=yes it signs in.
set -eu

here=$(dirname "$0")
work="${CONNECT_WORK:-/tmp}"

cat "$here/worker.properties" >"$work/worker.properties"
if [ "${CONNECT_SECURE:-no}" = yes ]; then
    cat "$here/secure.properties" >>"$work/worker.properties"
fi

connectors=""
for topic in $CONNECT_TOPICS; do
    # It becomes the name of a file.
    case "$topic" in
        *[!a-zA-Z0-9._-]* | .*)
            echo "start.sh: CONNECT_TOPICS: $topic is no topic's name" >&2
            exit 64
            ;;
    esac
    sed "s/TOPIC/$topic/g" "$here/connector.properties" >"$work/$topic.properties"
    connectors="$connectors $work/$topic.properties"
done
if [ -z "$connectors" ]; then
    echo "start.sh: CONNECT_TOPICS names no topic to write to files" >&2
    exit 64
fi

# shellcheck disable=SC2086 # one word for each connector
exec "${KAFKA_HOME:-/opt/kafka}/bin/connect-standalone.sh" "$work/worker.properties" $connectors
