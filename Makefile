# Two commands do it all: `make run` starts the site, `make test` runs the tests. Both first install
# what is missing (Debian packages when root; otherwise they say what to install).

PROFILE := $(if $(RELEASE),release,debug)
CARGO_PROFILE := $(if $(RELEASE),--release,)
DATA ?= ./data
LISTEN ?= 0.0.0.0:8080
SECONDS ?= 600

# For people only, not for CI.
.PHONY: cluster dist
.PHONY: help run test test-full fuzz torture check format api audit e2e bench ui icons clean

help: ## List the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: ## Start the site on port 8080 with its data under ./data (RELEASE=1: optimised build)
	@scripts/need run
	@scripts/ui
	@echo "== building virga ($(PROFILE); the first time takes some minutes)"
	@cargo build --locked $(CARGO_PROFILE) -p virga
	@exec target/$(PROFILE)/virga serve --data $(DATA) --listen $(LISTEN)

test: ## Run every test, browser tests included (T=name: only those whose name contains it)
	@scripts/test

test-full: ## All tests in their long form: every kill point with many seeds, long property tests, long films
	@VIRGA_TEST_FULL=1 PROPTEST_CASES=2000 scripts/test

fuzz: ## Fuzz every parser (SECONDS=600 each; T=name: only that target)
	@scripts/fuzz "$(SECONDS)" "$(T)"

torture: ## Kill every process at random under uploads, plays and deletes (JOBS=1000; SEED=, SECONDS=, ON=one|roles|cluster)
	@scripts/need test
	@scripts/ui
	@cargo build --locked --workspace $(CARGO_PROFILE) --bin virga --example torture
	@exec target/$(PROFILE)/examples/torture "jobs=$(JOBS)" "seed=$(SEED)" "seconds=$(if $(filter file,$(origin SECONDS)),,$(SECONDS))" "on=$(ON)"

check: ## Check formatting, lints and types of Rust and of the pages' scripts
	@scripts/check

format: ## Format everything, and apply the automatic fixes of the pages' linter
	@scripts/need run
	@cargo fmt --all
	@scripts/pages/check --fix

api: ## Write docs/api/openapi.json again after a change of the API
	@VIRGA_WRITE_API=1 cargo test --locked --quiet -p virga-api the_kept_document

cluster: ## Start a test cluster: HAProxy, two of each role, MariaDB, Redis and SeaweedFS
	@scripts/need test
	@scripts/ui
	@cargo build --locked --workspace --bin virga --example cluster
	@exec target/debug/examples/cluster

e2e: ## Run only the browser tests
	@scripts/need test
	@scripts/ui
	@scripts/e2e

bench: ## Measure the figures in benches/README.md (release build)
	@scripts/need bench
	@scripts/ui
	@scripts/bench

ui: ## Build the pages' scripts and styles
	@scripts/need run
	@scripts/ui

audit: ## Run external tools against the built site: schemathesis, REDbot, slowhttptest; SBOM
	@scripts/need test
	@scripts/ui
	@scripts/audit

icons: ## Draw the pages' icons again after a change in ui/icons
	@scripts/need run
	@scripts/icons

dist: ## Pack a release: an installable package and a source package that builds without a network (target/dist)
	@scripts/need run
	@scripts/ui
	@scripts/dist

clean: ## Remove build outputs (never ./data)
	@cargo clean
	@rm -rf ui/dist ui/generated ui/node_modules ui/icons/node_modules e2e/node_modules e2e/test-results scripts/pages/node_modules
