# Two commands: `make up` and `make test`. The others are their parts.

SHELL := /bin/bash
export CARGO_TARGET_DIR ?= $(CURDIR)/target
BIN := $(CARGO_TARGET_DIR)/release
WEB := services/notification/web
# One profile and one set of features for everything, so that nothing is compiled twice. The
# embedded broker's branch declares a newer Rust than it needs.
CARGO_FLAGS := --release --workspace --ignore-rust-version --locked
NPM_CI := npm ci --no-audit --no-fund --loglevel=error

.PHONY: up build web test test-stack docs lint bench
.DEFAULT_GOAL := up

## up: build what is missing and run the whole platform on http://localhost:8080
up: build
	$(BIN)/algotrade up $(ARGS)

## build: every binary, with the dashboard inside
build: web
	cargo build $(CARGO_FLAGS)

## web: the dashboard
web: $(WEB)/dist/index.html

$(WEB)/node_modules/.installed: $(WEB)/package-lock.json
	cd $(WEB) && $(NPM_CI)
	touch $@

$(WEB)/dist/index.html: $(WEB)/node_modules/.installed $(WEB)/index.html $(WEB)/vite.config.ts \
		$(shell find $(WEB)/src $(WEB)/public -type f)
	cd $(WEB) && npm run --silent build
	touch $@

services/notification/tests/centrifuge/node_modules/.installed: \
		services/notification/tests/centrifuge/package-lock.json
	cd services/notification/tests/centrifuge && $(NPM_CI)
	touch $@

crates/kafka-common/tests/asyncapi/node_modules/.installed: \
		crates/kafka-common/tests/asyncapi/package-lock.json
	cd crates/kafka-common/tests/asyncapi && $(NPM_CI)
	touch $@

## test: install what the tests need, start real servers, run every test, stop the servers
test:
	scripts/install-test-tools.sh
	$(MAKE) build services/notification/tests/centrifuge/node_modules/.installed \
		crates/kafka-common/tests/asyncapi/node_modules/.installed
	cd $(WEB) && npm run --silent test
	python3 -m unittest discover -s tests/oracle
	deploy/check.sh
	scripts/generate-docs.sh --check $(BIN)
	python3 scripts/check-docs.py
	python3 scripts/check-migrations.py
	$(BIN)/test-servers run -- deploy/stack.sh $(BIN) commands docs doctor roles keys monitoring backup secure
	cargo test $(CARGO_FLAGS) --no-run
	$(BIN)/test-servers run -- cargo test $(CARGO_FLAGS) --no-fail-fast

## test-stack: nonsense to every documented path, the cost of idling, Kafka Connect, a collector of
##             traces; the images, built and run by podman
test-stack: build
	$(BIN)/test-servers run -- deploy/stack.sh $(BIN) connect tracing fuzz idle
	$(BIN)/test-servers run -- deploy/images.sh $(BIN)
	# The images have another `algotrade`: this one goes back to its place.
	cargo build $(CARGO_FLAGS)

## docs: write what is generated from the code anew
docs: build
	scripts/generate-docs.sh $(BIN)

## lint: formats, clippy, the dashboard's types and style (clippy leaves out the embedded servers:
##       checking what they depend on takes ten minutes more)
lint: $(WEB)/node_modules/.installed
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path benches/parsers/Cargo.toml --check
	for lock in fuzz benches/parsers; do \
		cargo metadata --locked --format-version 1 --manifest-path $$lock/Cargo.toml >/dev/null || exit 1; \
	done
	cargo clippy $(CARGO_FLAGS) --exclude algotrade-embedded --exclude algotrade --all-targets -- -D warnings
	cargo clippy --release --ignore-rust-version --locked -p algotrade --no-default-features --features chaos -- -D warnings
	cargo clippy --release --ignore-rust-version --locked -p algotrade --no-default-features -- -D warnings
	cd $(WEB) && npm run --silent typecheck && npm run --silent lint
	scripts/audit.sh

## bench: figures of the Kafka layer beside bare librdkafka, on a real Kafka of their own; beside
##        other clients, too: make bench ARGS="--python $$(scripts/install-test-tools.sh peers)"
bench: build
	scripts/install-test-tools.sh
	$(BIN)/test-servers run -- $(BIN)/algotrade bench kafka $(ARGS)
