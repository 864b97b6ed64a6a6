# What a person does with the project. Needs Rust, Go 1.26 (for etcd, kube-apiserver, helm and others, built once into
# $XDG_CACHE_HOME/classic-lb-operator) and, for the demo, kubectl, which is built as well where it is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The version in rust-toolchain.toml may be installed under another name, such as `stable`.
toolchain := $(shell tools/toolchain)
ifneq ($(toolchain),)
export RUSTUP_TOOLCHAIN := $(toolchain)
endif

# Asked of Cargo only where it is needed: the folder may be set in the environment or in Cargo's own configuration.
built = $(shell cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/debug
testkit = $(built)/testkit
crds := classicloadbalancers classicloadbalancerbindings awsaccounts
reference := docs/reference
chart := charts/classic-lb-operator

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: demo
demo: announce-demo all-of-it ## Play the ELB tutorial against a real API server and a simulated AWS, and check every step
	@"$(testkit)" demo

.PHONY: up
up: announce-up all-of-it ## Start the same stack in the background and write .local/env for kubectl and AWS clients
	@"$(testkit)" up

.PHONY: announce-demo announce-up
announce-demo announce-up:
	@tools/announce $(@:announce-%=%) "$(testkit)"

.PHONY: down
down: ## End the stack that `make up` started
	@if [ ! -e .local/lock ]; then echo "No stack is running."; exit; fi; \
	[ -x "$(testkit)" ] || $(MAKE) --no-print-directory binaries; "$(testkit)" down

# A test end to end waits most of its time, so more of them run at once than there are processors.
test: export RUST_TEST_THREADS ?= $(shell expr 2 \* $$(nproc))
.PHONY: test
test: tools ## Run every test: unit, laws, simulator, end to end, chart
	cargo test --workspace --no-fail-fast

.PHONY: test-moto
test-moto: tools ## Run the successful paths against moto's AWS as a second opinion
	tools/moto/run

# Built for this alone, and long where nothing is built yet: some half an hour on two processors.
gitops := kube-scheduler kwok redis kustomize-controller source-controller argocd
.PHONY: test-gitops
test-gitops: tools binaries ## Run Flux, Argo CD and Helm against the operator, and check what they make of it
	@for tool in $(gitops); do tools/build $$tool >/dev/null; done
	cargo test --test gitops -- --nocapture

# Prometheus is built for this alone, in some three minutes, and Chromium installed where that may be done.
.PHONY: test-dashboard
test-dashboard: ## Draw the dashboard from what a real Prometheus has of a real operator, and look at it: target/dashboard/
	@tools/browser >/dev/null
	@for tool in etcd kube-apiserver prometheus; do tools/build $$tool >/dev/null; done
	cargo test --workspace --test e2e dashboard -- --ignored --nocapture

.PHONY: lint
lint: ## Check formatting, clippy and rustdoc, with warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps

.PHONY: deny
deny: ## Check the dependencies: licences, sources, what is banned. cargo-deny is built once
	tools/deny bans licenses sources

.PHONY: generate
generate: binaries ## Write the generated files anew: the CRDs, the chart's copy of them, docs/reference/, and deploy/
	operator="$(built)/clb-operator"; \
	for crd in $(crds); do "$$operator" crd $$crd >crds/$$crd.yaml.part; mv crds/$$crd.yaml.part crds/$$crd.yaml; done; \
	for page in conditions metrics fields command-line; do \
	  "$$operator" reference $$page >$(reference)/$$page.md.part; mv $(reference)/$$page.md.part $(reference)/$$page.md; \
	done
	mkdir -p $(chart)/files/crds
	cp $(crds:%=crds/%.yaml) $(chart)/files/crds/
	tools/render
	tools/render readme >$(chart)/README.md.part; mv $(chart)/README.md.part $(chart)/README.md
	tools/render values >$(reference)/values.md.part; mv $(reference)/values.md.part $(reference)/values.md

.PHONY: book
book: ## Build the documentation as a book into target/book, and check its links. mdBook is built once
	tools/book

.PHONY: release
release: ## Build a release from a clean clone into target/release-files: image, chart, manifests, plugin, SBOM, provenance
	tools/release/build

.PHONY: bench
bench: tools ## Measure the operator against its goals and write docs/performance.md; PARTS="hundred size": only these
	cargo bench --workspace --bench performance -- $(PARTS)

.PHONY: bench-simulator
bench-simulator: ## Measure the simulator
	cargo bench --workspace --bench simulator

MINUTES := 10
.PHONY: soak
soak: tools binaries ## Let two operators idle over 50 load balancers for MINUTES=10: nothing is written, no memory lost
	@"$(testkit)" soak --minutes "$(MINUTES)"

# The programs that tests run, built where they are missing; the second time this only looks.
.PHONY: tools
tools:
	@for tool in etcd kube-apiserver kube-controller-manager kubectl helm helm3 kstatus promtool; do tools/build $$tool >/dev/null; done

# What a stack is made of, at once: one crate, EC2's, keeps a single core busy for minutes, and Go has the others meanwhile. Cargo shall
# take all cores, and not only those that make counts.
.PHONY: all-of-it tools-of-it
all-of-it:
	@$(MAKE) --no-print-directory --jobs=2 tools-of-it binaries
tools-of-it:
	@for tool in etcd kube-apiserver $(shell command -v kubectl >/dev/null || echo kubectl); do tools/build $$tool >/dev/null; done

# A test is built along, so that features are chosen for programs and tests together. Else the crates whose features differ are
# compiled once for `make up` and once more for `make test`, EC2's among them, which takes minutes and 7 GB.
.PHONY: binaries
binaries:
	@env -u MAKEFLAGS -u MFLAGS -u CARGO_MAKEFLAGS cargo build --workspace --bins --test layers
