# Two commands do it all: `make run` starts the site, `make test` passes the tests. Both install
# what is missing first (Debian packages when root; otherwise they say what to install).

PROFILE := $(if $(RELEASE),release,debug)
CARGO_PROFILE := $(if $(RELEASE),--release,)
DATA ?= ./data
LISTEN ?= 0.0.0.0:8080

# Used by people only.
.PHONY: cluster dist
.PHONY: help run test test-full check format api audit e2e bench ui icons clean

help: ## What there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: ## Start the site on port 8080 with its data under ./data (RELEASE=1: optimised build)
	@scripts/need run
	@scripts/ui
	@echo "== building virga ($(PROFILE); the first time takes some minutes)"
	@cargo build --locked $(CARGO_PROFILE) -p virga
	@exec target/$(PROFILE)/virga serve --data $(DATA) --listen $(LISTEN)

test: ## Every test, browser tests included (T=name: only those whose name holds it)
	@scripts/test

test-full: ## The long forms too: every kill point with many seeds, long property tests, films that take long
	@VIRGA_TEST_FULL=1 PROPTEST_CASES=2000 scripts/test

check: ## The lint gates: formatting, lints and types, of Rust and of the pages' scripts
	@scripts/check

format: ## Format everything, and mend what the linter of the pages' scripts mends by itself
	@scripts/need run
	@cargo fmt --all
	@scripts/pages/check --fix

api: ## Write docs/api/openapi.json again after a change of the API
	@VIRGA_WRITE_API=1 cargo test --locked --quiet -p virga-api the_kept_document

cluster: ## HAProxy before two of each role on MariaDB, Redis and SeaweedFS, to try things on
	@scripts/need test
	@scripts/ui
	@cargo build --locked --workspace --bin virga --example cluster
	@exec target/debug/examples/cluster

e2e: ## Only the browser tests
	@scripts/need test
	@scripts/ui
	@scripts/e2e

bench: ## Measure the figures of benches/README.md (release build)
	@scripts/need bench
	@scripts/ui
	@scripts/bench

ui: ## Build the pages' scripts and styles
	@scripts/need run
	@scripts/ui

audit: ## Tools of others against the built site: schemathesis, REDbot, slowhttptest; SBOM
	@scripts/need test
	@scripts/ui
	@scripts/audit

icons: ## Draw the pages' icons again after a change in ui/icons
	@scripts/need run
	@scripts/icons

dist: ## Pack a release: to install, and to build without a network (target/dist)
	@scripts/need run
	@scripts/ui
	@scripts/dist

clean: ## Remove what was built (never ./data)
	@cargo clean
	@rm -rf ui/dist ui/generated ui/node_modules ui/icons/node_modules e2e/node_modules e2e/test-results scripts/pages/node_modules
