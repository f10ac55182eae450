#!/usr/bin/env bash
# Builds the images of this project and starts them as docker-compose.yml and Kubernetes do: not as root,
# with a read-only root and without capabilities. Run by `make test-stack`. Usage:
#   deploy/images.sh FOLDER_WHERE_CARGO_PUTS_BINARIES
#
# The binaries are compiled as in the Dockerfile's build stage, but not in a container, which takes half
# an hour; that stage itself is what CI with a registry builds. Where no registry
# can be reached, the base is made by debootstrap from the distribution's archive: what is tested then
# is our layers, user, entry points and probes, not the distroless base.
set -euo pipefail

cd "$(dirname "$0")/.."
binaries=$(realpath "${1:?the folder of the binaries}")
readonly BINARIES=(market-data strategy forward-test notification algotrade)
readonly SERVICES=(market-data strategy forward-test notification ops)
readonly TARGETS=(market-data strategy forward-test notification ops algotrade)
# Of an image with its base; without debug information.
readonly MAX_MIB=60
readonly PREFIX=localhost/algotrade-test
work=$(mktemp -d)
containers=()

fail() {
    echo "deploy/images.sh: $1" >&2
    exit 1
}

finish() {
    local container
    for container in "${containers[@]}"; do
        podman rm --force --time 0 "$container" >/dev/null 2>&1 || true
    done
    rm -rf "$work"
}
trap finish EXIT

for tool in buildah podman; do
    command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install buildah podman runc"
done

# What a machine without systemd and without overlayfs needs; harmless elsewhere.
export CONTAINERS_CONF="$work/containers.conf" BUILDAH_ISOLATION=chroot
cat >"$CONTAINERS_CONF" <<'CONF'
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF

# glibc, libgcc, CA certificates and the user of distroless; then the shell and the rest go.
base_image() {
    local root="$work/base"
    if podman image exists "$PREFIX/base"; then return; fi
    if buildah pull --quiet gcr.io/distroless/cc-debian12:nonroot >/dev/null 2>&1; then
        buildah tag gcr.io/distroless/cc-debian12:nonroot "$PREFIX/base"
        return
    fi
    command -v debootstrap >/dev/null || fail "no registry, and no debootstrap: apt-get install debootstrap"
    echo "no registry can be reached: the base is made by debootstrap"
    local mirror
    mirror=$(sed -nE 's/^deb( \[[^]]*\])? (\S+) .*/\2/p; s/^URIs: *(\S+).*/\1/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1 || true)
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$mirror" \
        >"$work/debootstrap.log" 2>&1 || { tail -n 5 "$work/debootstrap.log" >&2; fail "debootstrap"; }
    local small="$work/small" file
    mkdir -p "$small"/{etc,tmp,home/nonroot}
    chmod 1777 "$small/tmp"
    echo 'nonroot:x:65532:65532::/home/nonroot:/sbin/nologin' >"$small/etc/passwd"
    echo 'nonroot:x:65532:' >"$small/etc/group"
    cp -aL --parents "$root"/./etc/ssl/certs "$small" 2>/dev/null ||
        (cd "$root" && tar -chf - etc/ssl/certs) | tar -C "$small" -xf -
    # As in distroless, /lib is a link into /usr.
    mkdir -p "$small/usr/lib" "$small/usr/lib64"
    ln -s usr/lib "$small/lib"
    ln -s usr/lib64 "$small/lib64"
    for file in ld-linux-x86-64.so.2 libc.so.6 libm.so.6 libgcc_s.so.1 libdl.so.2 libpthread.so.0 \
        librt.so.1 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 libstdc++.so.6; do
        find "$root/usr/lib" "$root/lib" -name "$file" 2>/dev/null | head -n 1 |
            xargs -r -I{} cp -L {} "$small/usr/lib/"
    done
    cp "$small/usr/lib/ld-linux-x86-64.so.2" "$small/usr/lib64/"
    echo 'hosts: files dns' >"$small/etc/nsswitch.conf"
    tar -C "$small" -cf - . | podman import --quiet - "$PREFIX/base" >/dev/null
}

# With the options of the Dockerfile's build stage.
build_binaries() {
    local options
    options=$(sed -n 's/.*&& cargo build \(.*\) \\$/\1/p' Dockerfile)
    [ -n "$options" ] || fail "the Dockerfile has no line \`&& cargo build OPTIONS \\\`"
    # shellcheck disable=SC2086 # They are several.
    cargo build $options "${BINARIES[@]/#/--package=}"
}

# The Dockerfile from `runtime` on, with the binaries in place of the build stage.
final_stages() {
    local target
    mkdir -p "$work/context/out"
    for target in "${BINARIES[@]}"; do
        strip --strip-debug -o "$work/context/out/$target" "$binaries/$target"
    done
    cp -L "$(ldconfig -p | awk '/libz\.so\.1 / { print $NF; exit }')" "$work/context/out/libz.so.1"
    {
        echo "FROM scratch AS build"
        echo "COPY out /out"
        sed -n '/^FROM .* AS runtime$/,$p' Dockerfile |
            sed "s#^FROM .* AS runtime\$#FROM $PREFIX/base AS runtime#"
    } >"$work/context/Dockerfile"
}

build() {
    local target revision
    revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
    for target in "${TARGETS[@]}"; do
        buildah build --quiet --layers --format docker --target "$target" \
            --build-arg "REVISION=$revision" --tag "$PREFIX/$target" "$work/context" >/dev/null
    done
}

inspect() { # image, template
    podman image inspect --format "$2" "$1"
}

check_image() { # target
    local image="$PREFIX/$1" size shell
    [ "$(inspect "$image" '{{.Config.User}}')" = 65532:65532 ] || fail "$1 is not the user 65532"
    for label in title description version revision licenses; do
        [ -n "$(inspect "$image" "{{index .Labels \"org.opencontainers.image.$label\"}}")" ] ||
            fail "$1 has no label $label"
    done
    for shell in /bin/sh /bin/bash /usr/bin/env; do
        if podman run --rm --network none --entrypoint "$shell" "$image" -c true >/dev/null 2>&1; then
            fail "$1 has $shell"
        fi
    done
    size=$(($(inspect "$image" '{{.Size}}') / 1048576))
    [ "$size" -le "$MAX_MIB" ] || fail "$1 has $size MiB, more than $MAX_MIB"
    echo "$1: user 65532, no shell, labels, $size MiB"
}

# As the orchestrators start them.
# (The image's own health check needs systemd under podman; it is called by hand below.)
readonly HARDENED=(--no-healthcheck --read-only --cap-drop ALL --security-opt no-new-privileges --memory 512m)

check_command() {
    podman run --rm --network none "${HARDENED[@]}" "$PREFIX/algotrade" --version >/dev/null ||
        fail "algotrade does not run"
    echo "algotrade: runs with a read-only root and without capabilities"
}

# Without its settings a service ends at once, and its log says what is missing.
check_refusal() {
    local target text
    for target in "${SERVICES[@]}"; do
        if text=$(podman run --rm --network none "${HARDENED[@]}" "$PREFIX/$target" 2>&1); then
            fail "$target runs without a secret"
        fi
        grep -q 'auth.secret' <<<"$text" || fail "$target does not say what is missing: $text"
    done
    echo "services: say what is missing and end"
}

# With real servers (`test-servers run` gives their addresses): ready, and gone soon after SIGTERM.
check_services() {
    local target container began check secret="0123456789abcdef0123456789abcdef" port=28081
    [ -n "${ALGOTRADE_TEST_KAFKA:-}" ] || fail "run it within test-servers: see make test-stack"
    podman run --rm --network host "${HARDENED[@]}" \
        --env "ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS=$ALGOTRADE_TEST_KAFKA" \
        "$PREFIX/algotrade" setup >/dev/null || fail "algotrade setup"
    for target in "${SERVICES[@]}"; do
        container="algotrade-test-$target-$$"
        containers+=("$container")
        podman run --detach --name "$container" --network host "${HARDENED[@]}" \
            --env "ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS=$ALGOTRADE_TEST_KAFKA" \
            --env "ALGOTRADE__DATABASE__URL=$ALGOTRADE_TEST_DATABASE" \
            --env "ALGOTRADE__REDIS__URL=$ALGOTRADE_TEST_REDIS" \
            --env "ALGOTRADE__HTTP__LISTEN=127.0.0.1:$port" \
            --env "ALGOTRADE__KAFKA__INSTANCE_ID=0" \
            --env "ALGOTRADE__AUTH__SECRET=$secret" \
            --env "ALGOTRADE__FEED__WEBSOCKET_URL=ws://127.0.0.1:9" \
            --env "ALGOTRADE__FEED__REST_URL=http://127.0.0.1:9" \
            --env "ALGOTRADE__SERVICES__STRATEGY_URL=http://127.0.0.1:28082" \
            --env "ALGOTRADE__SERVICES__MARKET_DATA_URL=http://127.0.0.1:28081" \
            "$PREFIX/$target" >/dev/null
        began=$SECONDS
        check=("/usr/local/bin/$target")
        [ "$target" = ops ] && check=(/usr/local/bin/algotrade ops)
        # market-data has no exchange here and is not ready without one: it must be live.
        until if [ "$target" = market-data ]; then
            curl -sf "http://127.0.0.1:$port/healthz/live" >/dev/null
        else
            podman exec "$container" "${check[@]}" healthcheck >/dev/null 2>&1
        fi; do
            [ $((SECONDS - began)) -lt 60 ] ||
                { podman logs "$container" | tail -n 5 >&2; fail "$target is not ready"; }
            sleep 0.2
        done
        echo "$target: answers its probe"
        port=$((port + 1))
    done
    for container in "${containers[@]}"; do
        began=$SECONDS
        podman stop --time 20 "$container" >/dev/null
        [ "$(podman inspect --format '{{.State.ExitCode}}' "$container")" = 0 ] ||
            fail "$container did not end in order on SIGTERM"
        [ $((SECONDS - began)) -le 15 ] || fail "$container took $((SECONDS - began)) s to end"
    done
    echo "services: end in order on SIGTERM"
}

base_image
build_binaries
final_stages
build
for target in "${TARGETS[@]}"; do check_image "$target"; done
check_command
check_refusal
check_services
