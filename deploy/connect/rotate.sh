#!/bin/sh
# Puts aside what has been written so far and begins new files, without losing or repeating a line:
# TOPIC.jsonl becomes TOPIC.TIME.jsonl, and only then is its connector started again, which until then
# goes on writing to the file that it has open.
set -eu

rest="${CONNECT_REST:-http://127.0.0.1:8083}"
exports="${CONNECT_EXPORTS:-/var/lib/connect}"
now=$(date -u +%Y%m%dT%H%M%SZ)

for topic in $CONNECT_TOPICS; do
    file="$exports/$topic.jsonl"
    [ -s "$file" ] || continue
    mv -n "$file" "$exports/$topic.$now.jsonl"
    wget -q -O /dev/null --header 'Content-Type: application/json' --post-data= \
        "$rest/connectors/$topic/restart?includeTasks=true"
    left=100
    until [ -e "$file" ]; do
        left=$((left - 1))
        if [ "$left" = 0 ]; then
            echo "rotate.sh: $topic: the connector does not begin a new file" >&2
            exit 1
        fi
        sleep 0.1
    done
    echo "$exports/$topic.$now.jsonl"
done
