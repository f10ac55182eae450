#!/usr/bin/env bash
# Writes what is generated: docs/reference, and Kubernetes' topics, users and alert rules. With --check
# it writes nothing and fails if something committed isn't what this version would write.
# Usage: scripts/generate-docs.sh [--check] FOLDER_OF_BINARIES
set -euo pipefail

cd "$(dirname "$0")/.."
check=no
if [[ "${1:-}" == --check ]]; then
    check=yes
    shift
fi
binaries=${1:?the folder of the binaries, such as target/release}
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/reference"

export PYTHONPATH=deploy/check PYTHONDONTWRITEBYTECODE=1
python3 deploy/check/metrics.py >"$new/reference/metrics.md"
python3 deploy/check/reference.py configuration >"$new/reference/configuration.md"
python3 deploy/check/reference.py topics "$binaries" >"$new/reference/topics.md"
python3 deploy/check/reference.py commands "$binaries" >"$new/reference/commands.md"
python3 deploy/check/reference.py rules >"$new/rules.yaml"
ALGOTRADE__KAFKA__REPLICATION_FACTOR=3 "$binaries/algotrade" setup --strimzi >"$new/strimzi.yaml"

stale=()
put() { # new file, place
    if cmp -s "$1" "$2"; then return; fi
    if [[ $check == yes ]]; then
        stale+=("$2")
        diff -u "$2" "$1" | head -n 20 || true
    else
        cp "$1" "$2"
        echo "wrote $2"
    fi
}
for page in metrics configuration topics commands; do
    put "$new/reference/$page.md" "docs/reference/$page.md"
done
put "$new/rules.yaml" deploy/kubernetes/components/monitoring/rules.yaml
put "$new/strimzi.yaml" deploy/kubernetes/strimzi/generated.yaml

if [[ ${#stale[@]} -gt 0 ]]; then
    echo "not what this version generates: ${stale[*]}; run scripts/generate-docs.sh $binaries" >&2
    exit 1
fi
echo "generated files: all right"
