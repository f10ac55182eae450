#!/usr/bin/env bash
# Licences, sources and bans of all dependencies, and advisories where they can be had. What is left out
# is named: a release needs all of it (docs/release.md).
set -euo pipefail

cd "$(dirname "$0")/.."
deny=$(scripts/install-test-tools.sh deny)
"$deny" --log-level error check bans licenses sources
if report=$("$deny" --log-level error check advisories 2>&1); then
    echo "$report"
elif grep -q 'failed to fetch advisory database' <<<"$report"; then
    echo "audit: left out: cargo deny check advisories, because https://github.com/RustSec/advisory-db can't be reached"
else
    printf '%s\n' "$report" >&2
    exit 1
fi

web=services/notification/web
if report=$(cd "$web" && npm audit --omit=dev 2>&1); then
    echo "npm audit: nothing found"
elif grep -q 'audit endpoint returned an error\|ENOTFOUND\|ECONNREFUSED\|ETIMEDOUT' <<<"$report"; then
    echo "audit: left out: npm audit, because this registry answers no audits"
else
    printf '%s\n' "$report" >&2
    exit 1
fi
