#!/usr/bin/env bash
# Tries the deployment out with real parts, without a container engine: the brokers of
# docker-compose.yml with exactly its settings, plain and secured; the four services with exactly its
# environment; Prometheus with deploy/prometheus. Run by `make test`, within `test-servers run`, which
# gives Postgres and Redis. Usage: deploy/stack.sh FOLDER_OF_BINARIES [PART...]
set -euo pipefail

cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=deploy/check/tools.sh
. deploy/check/tools.sh

binaries=${1:?the folder of the binaries}
shift
install_python_tools
build_compose_model
find_jmx_exporter
find_connect_file
# Minutes of compiling, the first time.
otel_collector=none jaeger=none
if [[ $# -eq 0 || " $* " == *" tracing "* ]]; then
    build_otel_collector
    find_jaeger
fi
"$compose_model" --env-file deploy/compose/demo.env --profile demo --profile monitoring \
    --profile connect >"$work/plain.json"
"$compose_model" --env-file deploy/compose/secure.env --env-file deploy/compose/demo.env \
    --profile demo --profile monitoring --profile connect >"$work/secure.json"
PYTHONPATH=deploy/check "$venv/bin/python" deploy/check/stack/main.py \
    --binaries "$binaries" --models "$work" --jmx-exporter "$jmx_exporter" \
    --connect-file "$connect_file" --otel-collector "$otel_collector" --jaeger "$jaeger" "$@"
