#!/usr/bin/env bash
# fuzz.sh [SECONDS] [TARGET...]: fuzzes every decoder, or the ones named, for so long each (60), one
# after the other. `fuzz.sh list` names the targets, `fuzz.sh run TARGET FILE...` tries files: what a
# finding was, or whether it is mended.
#
# The engine is libFuzzer; rustc's own coverage instrumentation drives it, so the usual toolchain will
# do. Seeds are made by the project's generators. What was found to be interesting is kept in
# $CARGO_TARGET_DIR/fuzz/corpus and is where the next run goes on; findings are in
# $CARGO_TARGET_DIR/fuzz/findings. Exit code: 1 if there is one.
set -euo pipefail

cd "$(dirname "$0")/.."
home="${CARGO_TARGET_DIR:-$PWD/target}/fuzz"
host="$(rustc -vV | sed -n 's/^host: //p')"
all=(fuzz/targets/*.rs)
all=("${all[@]##*/}")
all=("${all[@]%.rs}")

# A decoder that takes longer over an input, or more memory, has a flaw as one that fails.
readonly LIMITS=(-timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024)
# Long inputs make libFuzzer slow, and no decoder's branches need one.
readonly MAX_LENGTH=8192

# Coverage of edges and comparisons (what `cargo fuzz` sets, without the sanitizers, which need a
# nightly toolchain).
instrumentation=(
    --cfg fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)

build() {
    # With a target named, build scripts and macros stay without instrumentation.
    RUSTFLAGS="${instrumentation[*]}" CARGO_TARGET_DIR="$home/build" \
        cargo build --release --quiet --locked --ignore-rust-version \
        --manifest-path fuzz/Cargo.toml --target "$host" "${bins[@]}"
}

program() { printf '%s' "$home/build/$host/release/$1"; }

is_target() {
    local target
    for target in "${all[@]}"; do
        if [[ "$target" == "$1" ]]; then return 0; fi
    done
    echo "fuzz: there is no target $1, only: ${all[*]}" >&2
    exit 2
}

case "${1:-}" in
list)
    printf '%s\n' "${all[@]}"
    exit 0
    ;;
run)
    target="${2:?which target? fuzz.sh list names them}"
    is_target "$target"
    bins=(--bin "$target")
    build
    exec "$(program "$target")" "${LIMITS[@]}" "${@:3}"
    ;;
esac

seconds="${1:-60}"
if [[ ! "$seconds" =~ ^[0-9]+$ ]]; then
    echo "usage: $0 [SECONDS] [TARGET...] | list | run TARGET FILE..." >&2
    exit 2
fi
targets=("${@:2}")
if [[ ${#targets[@]} -eq 0 ]]; then targets=("${all[@]}"); fi
bins=()
for target in "${targets[@]}"; do
    is_target "$target"
    bins+=(--bin "$target")
done
build

found=()
for target in "${targets[@]}"; do
    seeds="$home/seeds/$target" corpus="$home/corpus/$target" findings="$home/findings/$target"
    mkdir -p "$corpus" "$findings"
    FUZZ_SEEDS="$seeds" "$(program "$target")"
    echo "fuzz: $target for $seconds s"
    log="$home/$target.log"
    if "$(program "$target")" "${LIMITS[@]}" -max_total_time="$seconds" -max_len="$MAX_LENGTH" \
        -dict="$seeds.dict" -artifact_prefix="$findings/" -print_final_stats=1 \
        "$corpus" "$seeds" >"$log" 2>&1; then
        grep -E '^(stat::number_of_executed_units|stat::average_exec_per_sec)' "$log"
    else
        # The end tells what failed, and where the input is.
        tail -n 40 "$log" >&2
        found+=("$target")
    fi
done
if [[ ${#found[@]} -gt 0 ]]; then
    echo "fuzz: findings in ${found[*]}; try one again: scripts/fuzz.sh run TARGET FILE" >&2
    exit 1
fi
echo "fuzz: no finding in ${targets[*]}"
