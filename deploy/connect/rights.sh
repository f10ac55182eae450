#!/bin/sh
# On the secured installation: Kafka's user `connect` may read CONNECT_TOPICS, use the groups of its
# connectors, and nothing else. Rights from an earlier choice of topics are taken back.
set -eu

acls() {
    kafka-acls --bootstrap-server "$CONNECT_BOOTSTRAP_SERVERS" "$@"
}

for topic in $(acls --list --principal User:connect |
    sed -n 's/.*resourceType=TOPIC, name=\([^,]*\), patternType=LITERAL.*/\1/p'); do
    case " $CONNECT_TOPICS " in
        *" $topic "*) ;;
        *) acls --remove --force --allow-principal User:connect --operation Read \
            --topic "$topic" >/dev/null ;;
    esac
done
for topic in $CONNECT_TOPICS; do
    acls --add --allow-principal User:connect --operation Read --topic "$topic" >/dev/null
done
acls --add --allow-principal User:connect --operation Read \
    --group connect- --resource-pattern-type prefixed >/dev/null
echo "User:connect may read $CONNECT_TOPICS"
