#!/usr/bin/env bash
# Installs what the tests need and isn't there: Postgres, Redis, Chromium, zstd, jq, Prometheus (by apt),
# Apache Kafka's jars (by Maven), TA-Lib, empyrical, pyarrow and Centrifuge's client for Python (by pip).
# Does nothing, in well under a second, when all of it is there. With the argument `indicators`,
# `metrics` or `parquet`, only what the indicators, a session's figures or exported files are compared
# with. With `peers`, only the Kafka clients for Python that `algotrade bench kafka` measures beside, and
# with `strategy-peers` what `algotrade bench strategy` and `bench exchange` do: it prints the Python that
# has them, and nothing else installs them. With `deny`, only cargo-deny, for `make lint`, unless it is
# there: it prints the program.
#
# What it can't install (compilers, Node, Java, Maven) it checks, and names everything that is
# missing at once, each with the command that installs it.
set -euo pipefail

readonly KAFKA_VERSION=4.3.1
readonly KAFKA_POM="$(cd "$(dirname "$0")/.." && pwd)/crates/test-support/kafka/pom.xml"
readonly KAFKA_HOME="${XDG_CACHE_HOME:-$HOME/.cache}/algotrade/kafka-$KAFKA_VERSION"
readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/algotrade"
readonly INDICATORS_PACKAGES=(TA-Lib==0.6.8 numpy==2.3.5)
readonly METRICS_PACKAGES=(empyrical-reloaded==0.7.1 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1)
readonly PARQUET_PACKAGES=(pyarrow==26.0.1)
readonly CENTRIFUGE_PACKAGES=(centrifuge-python==0.7.0)
readonly PEERS_PACKAGES=(aiokafka==0.14.0 confluent-kafka==2.16.1 faststream==0.7.8)
readonly DENY_VERSION=0.20.2
readonly STRATEGY_PEERS_PACKAGES=(nautilus_trader==1.221.0 backtrader==1.9.78.123)

say() { printf '%s\n' "install-test-tools: $*"; }
have() { command -v "$1" >/dev/null 2>&1; }

problems=()

# The command that installs a package on this kind of system, for the user to type.
how() { # debian-packages brew-packages
    if have apt-get; then
        printf 'sudo apt-get install %s' "$1"
    elif have brew; then
        printf 'brew install %s' "$2"
    else
        printf 'install your distribution'\''s package for %s' "$1"
    fi
}

need() { # command, what it is for, command that installs it
    have "$1" || problems+=("$1 ($2): $3")
}

# The first number in the output of a version command: "v20.11.1" and "17.0.15" alike.
major() { "$@" 2>&1 | grep -oE '[0-9]+' | head -n 1 || true; }

need_major() { # command, least major version, version argument, command that installs it
    if ! have "$1"; then
        problems+=("$1 $2 or newer: $4")
        return
    fi
    local found
    found="$(major "$1" "$3")"
    if [[ -z "$found" || "$found" -lt "$2" ]]; then
        problems+=("$1 $2 or newer (found ${found:-none that works}): $4")
    fi
}

check_prerequisites() {
    need cargo "Rust 1.95 or newer" "see https://rustup.rs, then: rustup toolchain install stable"
    need cc "C compiler, for librdkafka" "$(how build-essential gcc)"
    need c++ "C++ compiler, for librdkafka and the embedded database" "$(how build-essential gcc)"
    need cmake "builds librdkafka" "$(how cmake cmake)"
    need make "runs the repository's commands" "$(how make make)"
    need_major node 20 --version "see https://nodejs.org/en/download (version 20 or newer)"
    need npm "the dashboard's packages" "comes with Node, see https://nodejs.org/en/download"
    need openssl "makes the certificates of the secured deployment" "$(how openssl openssl)"
    need_major java 17 -version "$(how openjdk-17-jre-headless openjdk@17)"
    need mvn "fetches Apache Kafka" "$(how maven maven)"
}

postgres_there() {
    have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}
chromium_there() { have chromium || have chromium-browser || have google-chrome; }

as_root() {
    if [[ "$(id -u)" -eq 0 ]]; then "$@"; else sudo -n -- "$@"; fi
}

# Debian starts (and enables) a server when its package is installed. The tests start their own,
# on ports of their own; policy-rc.d with 101 ("forbidden") keeps the packages' from starting.
apt_install_quietly() {
    local policy=/usr/sbin/policy-rc.d
    local ours=no
    if [[ ! -e "$policy" ]]; then
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
        ours=yes
    fi
    local status=0
    local attempt
    # One retry: archives answer with the occasional timeout.
    for attempt in 1 2; do
        status=0
        if as_root apt-get update -qq \
            && as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "$@" >/dev/null; then
            break
        else
            status=$?
        fi
        say "apt-get failed (attempt $attempt of 2)"
    done
    if [[ "$ours" == yes ]]; then as_root rm -f "$policy"; fi
    return "$status"
}

# Systemd enables at the next boot what it may not start now.
disable_services() {
    [[ -d /run/systemd/system ]] && have systemctl || return 0
    as_root systemctl disable --quiet "$@" 2>/dev/null || true
}

install_packages() {
    local missing=() servers=()
    if ! postgres_there; then missing+=(postgresql); servers+=(postgresql); fi
    if ! have redis-server; then missing+=(redis-server); servers+=(redis-server); fi
    if ! chromium_there; then missing+=(chromium); fi
    if ! have zstd; then missing+=(zstd); fi
    # The commands of docs/, which a test runs, use it.
    if ! have jq; then missing+=(jq); fi
    local exporter
    for exporter in prometheus prometheus-alertmanager prometheus-blackbox-exporter \
        prometheus-node-exporter; do
        # Alertmanager's package is asked for its amtool.
        if ! have "${exporter/prometheus-alertmanager/amtool}"; then
            missing+=("$exporter")
            servers+=("$exporter")
        fi
    done
    if [[ ${#missing[@]} -eq 0 ]]; then return 0; fi

    if ! have apt-get; then
        local package
        for package in "${missing[@]}"; do
            problems+=("$package: $(how "$package" "${package/-server/}")")
        done
        return 0
    fi
    if [[ "$(id -u)" -ne 0 ]] && ! sudo -n true 2>/dev/null; then
        problems+=("${missing[*]}: sudo apt-get install ${missing[*]}")
        return 0
    fi
    say "installing ${missing[*]}"
    if apt_install_quietly "${missing[@]}"; then
        if [[ ${#servers[@]} -gt 0 ]]; then disable_services "${servers[@]}"; fi
    else
        problems+=("${missing[*]}: apt-get failed, see above")
    fi
}

# Copied beside and then renamed, so that an interrupted download is never taken for a whole one.
install_kafka() {
    if [[ -d "$KAFKA_HOME/libs" ]] || ! have mvn || ! have java; then return 0; fi
    say "fetching Apache Kafka $KAFKA_VERSION into $KAFKA_HOME"
    mkdir -p "$KAFKA_HOME"
    local partial
    partial="$(mktemp -d "$KAFKA_HOME/partial.XXXXXX")"
    if mvn -q -B -f "$KAFKA_POM" dependency:copy-dependencies \
        -DoutputDirectory="$partial/libs" -DincludeScope=runtime; then
        # Two installers at a time: the second finds the first's folder and drops its own.
        mv -T "$partial/libs" "$KAFKA_HOME/libs" 2>/dev/null || [[ -d "$KAFKA_HOME/libs" ]]
    else
        problems+=("Apache Kafka $KAFKA_VERSION: Maven failed, see above; run this script again")
    fi
    rm -rf "$partial"
}

# A folder of Python packages. The stamp is written last, so that an interrupted installation is done
# again.
install_venv() { # name, what it is for, packages
    local venv="$CACHE/$1-venv" purpose="$2"
    local lock="$CACHE/$1-venv.lock"
    shift 2
    local stamp="$venv/.installed" wanted="$*"
    if [[ "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then return 0; fi
    if ! have python3; then
        problems+=("python3 ($purpose): $(how 'python3 python3-venv' python)")
        return 0
    fi
    say "installing $wanted into $venv"
    mkdir -p "$CACHE"
    # Two installers at a time: the second waits and finds it done.
    exec 9>"$lock"
    if have flock; then flock 9; fi
    if [[ "$(cat "$stamp" 2>/dev/null)" == "$wanted" ]]; then return 0; fi
    if python3 -m venv --clear "$venv" \
        && "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"; then
        printf '%s\n' "$wanted" >"$stamp"
    else
        problems+=("$wanted: pip failed, see above; a venv needs $(how python3-venv python)")
    fi
}

# The program is built in some minutes, and kept.
install_deny() {
    if have cargo-deny || [[ -x "$CACHE/cargo-deny/bin/cargo-deny" ]]; then return 0; fi
    say "building cargo-deny $DENY_VERSION"
    local build
    build="$(mktemp -d)"
    CARGO_TARGET_DIR="$build" cargo install --quiet --locked --root "$CACHE/cargo-deny" \
        --version "$DENY_VERSION" cargo-deny \
        || problems+=("cargo-deny $DENY_VERSION (licences of what is used): cargo failed, see above")
    rm -rf "$build"
}

report() {
    if [[ ${#problems[@]} -eq 0 ]]; then return 0; fi
    printf 'install-test-tools: missing:\n' >&2
    printf '  - %s\n' "${problems[@]}" >&2
    exit 1
}

if [[ "${1:-}" == peers ]]; then
    install_venv peers "other Kafka clients, to compare with" "${PEERS_PACKAGES[@]}" >&2
    report
    printf '%s\n' "$CACHE/peers-venv/bin/python"
    exit 0
fi
if [[ "${1:-}" == strategy-peers ]]; then
    install_venv strategy-peers "other engines, to compare with" "${STRATEGY_PEERS_PACKAGES[@]}" >&2
    report
    printf '%s\n' "$CACHE/strategy-peers-venv/bin/python"
    exit 0
fi
if [[ "${1:-}" == deny ]]; then
    install_deny >&2
    report
    command -v cargo-deny || printf '%s\n' "$CACHE/cargo-deny/bin/cargo-deny"
    exit 0
fi
readonly PART="${1:-all}"
if [[ "$PART" == all ]]; then
    check_prerequisites
    install_packages
    install_kafka
    install_venv centrifuge "the client for Python of the push tests" "${CENTRIFUGE_PACKAGES[@]}"
fi
# TA-Lib's wheels bring its C library along.
if [[ "$PART" == all || "$PART" == indicators ]]; then
    install_venv indicators "compares the indicators" "${INDICATORS_PACKAGES[@]}"
fi
if [[ "$PART" == all || "$PART" == metrics ]]; then
    install_venv metrics "compares a session's figures" "${METRICS_PACKAGES[@]}"
fi
if [[ "$PART" == all || "$PART" == parquet ]]; then
    install_venv parquet "reads exported files" "${PARQUET_PACKAGES[@]}"
fi

report
