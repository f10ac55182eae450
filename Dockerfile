# syntax=docker/dockerfile:1
#
# One image per binary, all from this file:
#   docker build --target market-data -t algotrade/market-data .
# Targets: market-data, strategy, forward-test, notification, ops, algotrade.

ARG RUST_VERSION=1.95
ARG NODE_VERSION=20

# ---- the dashboard: plain files, the same on every platform ------------------------------------
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-bookworm-slim AS web
WORKDIR /src
# The lock file alone decides what npm installs, so this layer survives every change of our code.
COPY services/notification/web/package.json services/notification/web/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY services/notification/web ./
RUN npm run build

# ---- the binaries --------------------------------------------------------------------------------
FROM rust:${RUST_VERSION}-bookworm AS build
# librdkafka is built by cmake, the vendored OpenSSL by perl and make. Versions float with the base
# image's Debian release on purpose: they are build tools, none of them reaches a final image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=web /src/dist /web-dist
ENV ALGOTRADE_WEB_DIST=/web-dist
# The registry and the target directory are cache mounts, so dependencies compile once per lock file.
# Our own sources are touched first: cargo trusts modification times, and a checkout older than the
# cache would otherwise pass for already built. `--no-default-features` leaves the platform in one
# process (`up`, `replay`, `bench`) out of `algotrade`, and with it the embedded broker and database; the
# four services have no features. One invocation builds all five, so that shared crates compile once.
# `--ignore-rust-version` because a dependency declares a newer Rust than it needs.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/usr/local/cargo/git,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    find crates services tests -type f -exec touch {} + \
    && cargo build --release --locked --ignore-rust-version --no-default-features \
        -p market-data -p strategy -p forward-test -p notification -p algotrade \
    && mkdir /out \
    && for binary in market-data strategy forward-test notification algotrade; do \
        strip --strip-debug -o "/out/$binary" "target/release/$binary" || exit 1; \
    done \
    && cp -L "/usr/lib/$(uname -m)-linux-gnu/libz.so.1" /out/libz.so.1

# ---- what every final image shares -------------------------------------------------------------
# glibc, libgcc, CA certificates, zlib and nothing else: no shell, no package manager. Debian 12 as in the
# build stage, so that the C library is the one the binaries were linked against.
FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.vendor="AlgoTrade" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# librdkafka's gzip; the base has no zlib.
COPY --from=build /out/libz.so.1 /usr/lib/libz.so.1
# By number: Kubernetes can only then see that it is not root.
USER 65532:65532

FROM runtime AS market-data
LABEL org.opencontainers.image.title="AlgoTrade market-data" \
      org.opencontainers.image.description="Coinbase trades to Kafka, once and in order"
COPY --from=build /out/market-data /usr/local/bin/market-data
ENV ALGOTRADE__HTTP__LISTEN=0.0.0.0:8081
EXPOSE 8081
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/market-data", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/market-data"]

FROM runtime AS strategy
LABEL org.opencontainers.image.title="AlgoTrade strategy" \
      org.opencontainers.image.description="Strategies: compiled from graphs, evaluated on every tick"
COPY --from=build /out/strategy /usr/local/bin/strategy
ENV ALGOTRADE__HTTP__LISTEN=0.0.0.0:8082
EXPOSE 8082
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/strategy", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/strategy"]

FROM runtime AS forward-test
LABEL org.opencontainers.image.title="AlgoTrade forward-test" \
      org.opencontainers.image.description="Forward-test sessions on a deterministic paper exchange"
COPY --from=build /out/forward-test /usr/local/bin/forward-test
ENV ALGOTRADE__HTTP__LISTEN=0.0.0.0:8083
EXPOSE 8083
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/forward-test", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/forward-test"]

FROM runtime AS notification
LABEL org.opencontainers.image.title="AlgoTrade notification" \
      org.opencontainers.image.description="The dashboard, and each user's events over WebSocket"
COPY --from=build /out/notification /usr/local/bin/notification
ENV ALGOTRADE__HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/notification", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/notification"]

# `algotrade ops`, which runs beside the four. The binary is the next image's, too.
FROM runtime AS ops
LABEL org.opencontainers.image.title="AlgoTrade ops" \
      org.opencontainers.image.description="Health, audit log, portfolios and notifications"
COPY --from=build /out/algotrade /usr/local/bin/algotrade
ENV ALGOTRADE__HTTP__LISTEN=0.0.0.0:8084
EXPOSE 8084
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/algotrade", "ops", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/algotrade", "ops"]

# The operator's command: topic set-up, the simulator, tools. It serves nothing by itself, hence no
# health check; what it runs as is the command's business.
FROM runtime AS algotrade
LABEL org.opencontainers.image.title="AlgoTrade command" \
      org.opencontainers.image.description="Topic set-up, market simulator and operator's tools"
COPY --from=build /out/algotrade /usr/local/bin/algotrade
HEALTHCHECK NONE
ENTRYPOINT ["/usr/local/bin/algotrade"]
CMD ["--help"]
