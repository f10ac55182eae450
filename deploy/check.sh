#!/usr/bin/env bash
# Checks everything under deploy/, docker-compose.yml and the Dockerfiles; run by `make test`.
# Needs no container engine. Installs its own tools the first time (a few minutes, into the cache
# folder), then takes seconds. deploy/stack.sh tries out what this can only read.
set -euo pipefail

cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=deploy/check/tools.sh
. deploy/check/tools.sh

# ---- checks ----------------------------------------------------------------------------------

check_dockerfiles() {
    step "Dockerfiles"
    "$venv/bin/hadolint" Dockerfile deploy/kafka/Dockerfile
    echo "hadolint: all right"
}

check_scripts() {
    step "scripts in containers"
    "$venv/bin/shellcheck" -x deploy/check.sh deploy/stack.sh deploy/images.sh deploy/kafka/kafka-tool deploy/compose/*.sh \
        deploy/postgres/set-up.sh deploy/backup/*.sh deploy/connect/*.sh
    echo "shellcheck: all right"
    python3 deploy/check/scripts.py
}

# The ways in which the stack is started; what each adds is checked with it.
check_compose() {
    check_variant "live market"
    check_variant "simulated market" demo
    check_variant "with monitoring" monitoring
    check_variant "three brokers" cluster
    check_variant "secured" secure
    check_variant "with files of trades" connect
    check_variant "with traces" tracing
    check_variant "everything" secure cluster demo monitoring connect tracing
}

check_variant() { # title, profile or file in deploy/compose...
    local title=$1 variant arguments=()
    shift
    for variant in "$@"; do
        [ -e "deploy/compose/$variant.env" ] && arguments+=(--env-file "deploy/compose/$variant.env")
        # Of several files the last one's COMPOSE_PROFILES counts.
        [ $# -gt 1 ] && arguments+=(--profile "$variant")
        # These two have no file of their own.
        [[ "$variant" =~ ^(monitoring|connect)$ ]] && arguments+=(--profile "$variant")
    done
    step "docker-compose.yml, $title"
    "$compose_model" "${arguments[@]}" >"$work/compose-$*.json"
    python3 deploy/check/compose.py "$work/compose-$*.json" "$@"
}

# Base and overlays; their own resources by Kubernetes' schemas, those of operators by our checks.
check_kubernetes() {
    local version variant folder
    step "Kubernetes"
    for folder in deploy/kubernetes/{base,overlays/dev,overlays/production} deploy/check/kubernetes-extras; do
        variant="${folder#deploy/*/}"
        "${kustomize[@]}" "$folder" >"$work/all.yaml"
        "$venv/bin/python" deploy/check/kubernetes_kinds.py "$work/all.yaml" "$work/own.yaml"
        for version in "${KUBERNETES_VERSIONS[@]}"; do
            "$venv/bin/kubernetes-validate" --strict --quiet --kubernetes-version "$version" \
                "$work/own.yaml" deploy/kubernetes/secret.example.yaml
        done
        echo "$variant: schemas of ${KUBERNETES_VERSIONS[*]}: all right"
        "$venv/bin/python" deploy/check/kubernetes.py "$work/all.yaml" "$variant"
    done
}

# Rules, their tests, and the queries of the dashboards.
check_monitoring() {
    step "monitoring"
    promtool check config --lint=all deploy/prometheus/prometheus.yml >"$work/promtool" ||
        { cat "$work/promtool" && false; }
    promtool test rules deploy/prometheus/tests/*.yml >"$work/promtool" ||
        { cat "$work/promtool" && false; }
    amtool check-config deploy/alertmanager/alertmanager.yml >"$work/amtool" 2>&1 ||
        { cat "$work/amtool" && false; }
    "$venv/bin/python" deploy/check/monitoring.py "$work/dashboards.yml"
    promtool check rules "$work/dashboards.yml" >"$work/promtool" ||
        { cat "$work/promtool" && false; }
    echo "promtool, amtool: all right"
}

# What is in the images: valid CycloneDX, and the same again.
check_sbom() {
    step "software bills of materials"
    python3 scripts/sbom.py "$work/sbom"
    python3 scripts/sbom.py "$work/sbom-again" >/dev/null
    diff -r "$work/sbom" "$work/sbom-again"
    "$venv/bin/python" deploy/check/sbom.py "$work/sbom"
}

install_python_tools
build_compose_model
find_kustomize
find_nginx

check_dockerfiles
check_compose
check_monitoring
check_kubernetes
check_scripts
check_sbom
step "gateway ($("$nginx" -v 2>&1))"
python3 deploy/check/gateway.py "$nginx"
python3 deploy/check/gateway_tls.py "$nginx"
