#!/usr/bin/env bash
# Licences, sources and bans of all dependencies, always; advisories and the rest where their tools and
# sources are there.
# What is left out is named: a release needs all of it (docs/release.md).
set -euo pipefail

cd "$(dirname "$0")/.."
python3 scripts/check-licences.py
python3 scripts/check-sources.py

if cargo deny --version >/dev/null 2>&1; then
    cargo deny check
else
    echo "audit: left out: cargo deny check, because it isn't installed (cargo install --locked cargo-deny)"
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
