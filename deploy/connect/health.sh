#!/bin/sh
# Is every connector of CONNECT_TOPICS running, and is there room for what it writes? A line for each
# that isn't, and exit code 1.
set -eu

rest="${CONNECT_REST:-http://127.0.0.1:8083}"
exports="${CONNECT_EXPORTS:-/var/lib/connect}"
# KiB that must be free. The connector doesn't notice a write that fails.
least="${CONNECT_LEAST_FREE_KIB:-65536}"

ill=0
for topic in $CONNECT_TOPICS; do
    status=$(wget -q -O - "$rest/connectors/$topic/status") || status="no answer"
    case "$status" in
        *'"state":"FAILED"'*) ;;
        *'"tasks":[{'*'"state":"RUNNING"'*) continue ;;
    esac
    echo "$topic: $status"
    ill=1
done
free=$(df -Pk "$exports" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$least" ]; then
    echo "$exports: only $free KiB are free: lines that don't fit are lost, see docs/operations.md, Exports"
    ill=1
fi
exit "$ill"
