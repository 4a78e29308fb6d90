# `make` lists the targets. Everything that CI runs is a target here.
SWIFT ?= swift
# Debug builds stay in .build; release builds get their own folder, since they link the Swift library statically.
# Less memory resident in each proxy: packed relocations, equal functions folded, no table of exported names, which the static
# Swift library asks for and which would also keep every unused function (1.5 MB), and the functions that run side by side
# (docs/decisions/0018-functions-in-order-of-use.md).
LINK = -Xswiftc -use-ld=lld -Xlinker --pack-dyn-relocs=relr -Xlinker -z -Xlinker pack-relative-relocs \
  -Xlinker --icf=safe -Xlinker --no-export-dynamic -Xswiftc -Xfrontend -Xswiftc -function-sections \
  -Xlinker --symbol-ordering-file=$(CURDIR)/packaging/functions.order -Xlinker --no-warn-symbol-ordering
RELEASE = $(SWIFT) build -c release --static-swift-stdlib $(LINK) --scratch-path .build/static
PROGRAMS = heddle-proxy heddle-controller heddle heddle-demo-app heddle-swarm
BENCH_ARGS ?=
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help install-needs test-needs venv build release demo test unit end-to-end check format lint chart bench fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install-needs: ## install the Debian packages that building needs, when they are missing
	@scripts/install-needs.sh build

test-needs: ## the same for testing: DNS, etcd, ZooKeeper and other servers that the tests start
	@scripts/install-needs.sh test

venv: ## make .venv with the pinned Python packages of the tests
	@scripts/venv.sh test

build: install-needs ## build everything for development
	$(SWIFT) build

release: install-needs ## build the programs as they ship, into .build/static/release
	@# By name: a build of everything would make the protobuf compiler as well, which takes longer than all of Heddle.
	@for program in $(PROGRAMS); do $(RELEASE) --product $$program || exit 1; done

demo: release ## controller, proxies, a service in two versions; shifts 0 to 100 %; ONCE=1 ends by itself
	@demo/run

test: test-needs venv lint unit chart end-to-end ## everything that CI runs

# One test at a time: many wait for sockets, and on few cores they would hold every thread that asynchronous handlers need.
unit: test-needs ## build for development; unit and architecture tests
	$(SWIFT) build --build-tests
	@SWIFT=$(SWIFT) scripts/test.sh --skip-build --no-parallel --skip EndToEndTests

end-to-end: test-needs venv ## real binaries, real clients: scenarios, a Python gRPC client on the mesh stream, the demo (debug build)
	$(SWIFT) build --build-tests
	@SWIFT=$(SWIFT) scripts/test.sh --skip-build --no-parallel --filter EndToEndTests
	@HEDDLE_BIN=$(CURDIR)/.build/debug .venv/bin/python scripts/check-mesh-client.py
	@HEDDLE_BIN=$(CURDIR)/.build/debug ONCE=1 demo/run

check: test ## what to run before a commit: format, warnings as errors, all tests

lint: ## is every source formatted?
	@scripts/format.sh --lint

format: ## format every source in place
	@scripts/format.sh

chart: venv ## render the Helm chart with many values and validate what comes out
	@.venv/bin/python scripts/check-chart.py

bench: release ## measure beside nginx, HAProxy, Envoy and a bare byte forwarder; BENCH_ARGS='--only http1 --rounds 3'
	@scripts/install-needs.sh bench
	@scripts/venv.sh bench
	@Benchmarks/run $(BENCH_ARGS)

fuzz: install-needs ## feed the parsers random bytes for FUZZ_SECONDS (60)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

clean: ## remove what builds and tests made
	rm -rf .build .venv
