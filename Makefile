# Gyro. "make help" lists the targets; README.md says how to begin.

SHELL := bash
GO ?= go
TOOL := $(GO) tool -modfile=internal/tools/go.mod
# Arguments for gyro (run, demo, bench): make demo ARGS="--http-listen 127.0.0.1:9090".
ARGS ?=
# How often "make crash" kills the process; the ordinary tests do it a dozen times.
KILLS ?= 50
# How long "make sim" goes on, from which seed, and with how many accounts.
SIMTIME ?= 2m
SEED ?= 1000
SIMACCOUNTS ?= 150
# How long "make fuzz" spends on each target.
FUZZTIME ?= 30s

.DEFAULT_GOAL := help
.PHONY: help setup build run demo test race lint format fuzz crash sim bench golden static check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the tests need and is missing (Go modules; Debian packages, as root or by sudo)
	@scripts/setup

build: ## build bin/gyro: one static binary
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/gyro ./cmd/gyro

run: build ## run the charging engine (ARGS: flags of gyro up)
	@bin/gyro up $(ARGS)

demo: build ## run it with a demo operator and simulated gateways (ARGS: further flags)
	@bin/gyro up --demo $(ARGS)

# A test that hangs says where after ten minutes; the slowest package needs one.
test: setup ## run all tests
	$(GO) vet ./...
	@scripts/test -timeout 10m ./...

race: setup ## run all tests under the race detector
	@scripts/test -race -timeout 20m ./...

lint: ## run the pinned linters (the first run compiles them: some minutes)
	$(TOOL) golangci-lint run

format: ## format all Go files
	$(TOOL) gofumpt -w .

fuzz: ## fuzz every target for FUZZTIME (30s)
	@scripts/fuzz $(FUZZTIME)

crash: ## kill the real process under load KILLS times (50), and check that nothing acknowledged was lost
	$(GO) test ./cmd/gyro -run '^TestCrash$$' -count=1 -v -timeout 30m -crash.kills=$(KILLS)

sim: ## simulate days of gateways' traffic in virtual time, a seed after the other, for SIMTIME (2m) from SEED on, and close the books every hour
	$(GO) test ./charging/gy -run '^TestDays$$' -count=1 -v -timeout 60m -sim.for=$(SIMTIME) -sim.seed=$(SEED) -sim.subscribers=$(SIMACCOUNTS)

bench: build ## measure charging against the limits of this machine (ARGS: flags of gyro bench charging)
	@bin/gyro bench charging $(ARGS)

golden: ## rewrite the golden files; then read the difference
	@scripts/golden

static: ## what needs no test to run: modules tidy, files formatted, linters
	$(GO) mod tidy -diff
	$(GO) mod verify
	@unformatted=$$($(TOOL) gofumpt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted; run make format:"; echo "$$unformatted"; exit 1; fi
	$(MAKE) --no-print-directory lint

check: static test ## what CI runs: static and test

clean: ## remove what was built
	rm -rf bin
