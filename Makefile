# Switchyard. `make` alone lists the targets.

GO       ?= go
PAYMENTS ?= 20000
SEED     ?= 1
FAULTS   ?= off
ROUNDS   ?= 50
SEEDS    ?= 2000
FUZZTIME ?= 1m

# The binaries are plain Go: no C compiler is needed for anything but the race detector.
export CGO_ENABLED ?= 0

COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## bin/switchd, bin/issuer-sim and bin/switchctl
	$(GO) build -o bin/ ./cmd/...

.PHONY: man
man: build ## manual pages of all commands and configurations, made from them (OUT=bin/man); man -M bin/man switchctl
	@set -e; for program in switchctl switchd issuer-sim; do \
		example=configs/$$program.yaml; [ ! -e $$example ] || set -- --example $$example; \
		bin/$$program man "$$@" $(or $(OUT),bin/man); set --; \
	done

.PHONY: demo
demo: build ## a business day on this machine, checked to the last unit (PAYMENTS=20000 SEED=1 FAULTS=off DAYS=1; DIALECT=iso87bcd FRAMING=ascii4+tpdu)
	@bin/switchctl demo --payments $(PAYMENTS) --seed $(SEED) --faults $(FAULTS) $(if $(DAYS),--days $(DAYS)) $(if $(DIALECT),--dialect $(DIALECT)) $(if $(FRAMING),--framing $(FRAMING))

# Each dialect is played in another framing; where there are more of them, they are in the last one.
.PHONY: demo-dialects
demo-dialects: build ## a small business day in each stock dialect (PAYMENTS=200 SEED=1; FRAMING, else one of each kind)
	@set -e; n=0; set -- binary2 bcd2+tpdu none+visa ascii4+inclusive none binary2+header:0000+visa ascii4+tpdu binary4; \
	for dialect in $$(bin/switchctl iso spec list | cut -d' ' -f1); do \
		framing=$(or $(FRAMING),$$1); if [ $$# -gt 1 ]; then shift; fi; \
		echo "demo: $$dialect in $$framing"; \
		bin/switchctl demo --payments $(if $(filter file,$(origin PAYMENTS)),200,$(PAYMENTS)) --seed $(SEED) \
			--dialect $$dialect --framing $$framing; \
	done

.PHONY: crash
crash: build ## kill -9 under load, and check that nothing is lost (ROUNDS=50; SEED, else another one each time)
	@bin/switchctl crash --rounds $(ROUNDS) $(if $(filter-out file,$(origin SEED)),--seed $(SEED))

# What fails leaves its plan and trace in sim-out.
.PHONY: sim
sim: ## the whole system in virtual time, with faults (SEEDS=2000; SEED is the first, else others each time)
	$(GO) test -count=1 -v -timeout 0 -run '^TestSim$$' ./switch/sim -sim.new -sim.seeds=$(SEEDS) -sim.out=$(CURDIR)/sim-out $(if $(filter-out file,$(origin SEED)),-sim.first=$(SEED))

.PHONY: mutants
mutants: ## plant known bugs, which the simulation must find (SEED is the first it tries)
	$(GO) test -count=1 -v -timeout 0 -tags mutants -run '^TestMutants' ./switch/sim -sim.first=$(SEED)

.PHONY: test
test: ## all tests
	$(GO) test ./...

# The linters are tools of tools.mod, so that what they need is not what Switchyard needs. What is asked of each:
# staticcheck: staticcheck.conf. go-errorlint: errors are compared with errors.Is, since ours wrap. exhaustive: a switch
# over kinds and states of payments, days and requests names every case or has a default, so that a new one is passed
# over nowhere in silence; UNLISTED are types of which a switch means a few. deadcode: nothing that no command reaches,
# but (.deadcode) what plants bugs, what tests and followers ask of a switch, its journal and a dialect, and the
# operator's client.
LINT     = $(GO) tool -modfile=tools.mod
UNLISTED = ^(reflect|.*/errorfs|.*/spec|.*/switch/clearing|.*/switch/sim|github.com/.*)\.|\.(Field|Code|reason|Doubt)$$

.PHONY: lint
lint: ## the linters of tools.mod: staticcheck, go-errorlint, exhaustive, deadcode; and BuildKit's checks of the Dockerfile
	$(LINT) staticcheck ./...
	$(LINT) go-errorlint -errorf=false -asserts=false -test=false ./...
	@out=$$($(LINT) exhaustive -default-signifies-exhaustive -ignore-enum-types '$(UNLISTED)' ./... 2>&1 | grep -v _test.go:); \
	if [ -n "$$out" ]; then echo "$$out"; exit 1; fi
	@all=$$($(LINT) deadcode ./cmd/... ./bench/...) || exit 1; \
	out=$$(echo "$$all" | grep -v -f .deadcode); if [ -n "$$out" ]; then echo "$$out"; exit 1; fi
	$(GO) run -modfile=dist.mod internal/dist/dockerlint.go Dockerfile

.PHONY: check
check: lint ## formatting, vet, the linters, and that go.mod is complete
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):" $$unformatted; exit 1; fi
	$(GO) vet ./...
	$(GO) mod verify
	$(GO) mod tidy -diff

# What watches a switch is in a module of its own, with Grafana's SDK and Prometheus. promtool is compiled without what it
# finds targets with, which is half of it.
.PHONY: rules
rules: ## dashboards and alert rules against running daemons, and promtool's tests of the rules
	cd internal/watch && $(GO) vet . && $(GO) test -count=1 . && \
	$(GO) run -tags remove_all_sd github.com/prometheus/prometheus/cmd/promtool \
		test rules ../../configs/prometheus/alerts_test.yml

.PHONY: dashboards
dashboards: ## write configs/grafana/dashboards anew
	cd internal/watch && $(GO) run .

.PHONY: race
race: ## all tests under the race detector (needs a C compiler)
	@command -v $${CC:-cc} >/dev/null || { echo "make race: the race detector needs a C compiler (cc), and none is installed"; exit 1; }
	CGO_ENABLED=1 $(GO) test -race ./...

# go test runs one fuzz target of one package at a time, so they are found and run in turn. On a busy machine it may take the
# end of its time for a failure (`context deadline exceeded`, and no input that fails): that one is passed over. An input
# that is new is made smaller by a hundred runs at most: by default go test takes a minute for each, which is its whole
# time where a target is slow.
.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (1m)
	@set -e; for file in $$(git ls-files '*_test.go' | xargs grep -l '^func Fuzz'); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "fuzz: $$target in ./$$(dirname $$file) for $(FUZZTIME)"; \
			if out=$$($(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x ./$$(dirname $$file) 2>&1); then \
				echo "$$out" | tail -n 2; continue; \
			fi; \
			echo "$$out"; \
			case "$$out" in \
			*"Failing input written"*) exit 1;; \
			*"context deadline exceeded"*) echo "fuzz: $$target ended with its time";; \
			*) exit 1;; \
			esac; \
		done; \
	done

.PHONY: browser
browser: ## open a load's HTML report in headless Chromium: no console error, no request; pictures in browser-out
	@chromium=$$(command -v chromium || command -v chromium-browser || command -v google-chrome) || \
		{ echo "make browser: it needs Chromium (Debian: apt-get install chromium), and none is installed"; exit 1; }; \
	mkdir -p browser-out && $(GO) test -count=1 -v -run '^TestInBrowser$$' ./internal/loadgen/report \
		-report.browser="$$chromium" -report.shots="$(CURDIR)/browser-out"

# Three runs at each rate, whose medians are drawn. Rates past the cliff belong to the picture: a run may fail.
.PHONY: plot
plot: build ## docs/img/latency-rate.svg: latency against rate on this machine (RATES="500 1000 2000 4000 6000")
	rm -rf plot-out && mkdir -p docs/img
	for rate in $(or $(RATES),500 1000 2000 4000 6000); do for n in 1 2 3; do \
		bin/switchctl load --local --rate $$rate --duration 10s --quiet --exit-zero --dir plot-out/daemons \
			--out plot-out/$$rate-$$n > /dev/null || exit 1; \
	done; done
	bin/switchctl load plot plot-out/*/run.json --p99 20ms --svg docs/img/latency-rate.svg

.PHONY: soak
soak: build ## 60% of the peak for MINUTES (20), audited every five: what switchd uses must stay flat
	$(GO) run ./bench -commit $(COMMIT) -soak $(or $(MINUTES),20)m

.PHONY: stages
stages: ## what each stage of an authorization takes and allocates
	$(GO) test -run '^$$' -bench Stages -benchmem ./bench/stages

.PHONY: ceiling
ceiling: ## bin/ceiling, the bare relay that the switch is measured beside
	$(GO) build -o bin/ ./bench/ceiling

.PHONY: bench
bench: build ceiling ## the table of docs/benchmarks.md, recorded in bench/results (RUNS=5 DURATION=4s STORED=300000 CAPTURES=1000000 JPOS=COMMAND ONLY=codec,switch,jpos,open,stored,full,issuer,overload,clearing,drain,recovery)
	$(GO) run ./bench -commit $(COMMIT) $(if $(ONLY),-only $(ONLY)) $(if $(RUNS),-runs $(RUNS)) $(if $(DURATION),-duration $(DURATION)) $(if $(STORED),-stored $(STORED)) $(if $(CAPTURES),-captures $(CAPTURES)) $(if $(JPOS),-jpos "$$JPOS")

# The tools that it needs, nFPM and cyclonedx-gomod, are those of dist.mod: what they need clashes with what the linters
# and Switchyard need.
.PHONY: dist
dist: ## what is committed as archives, .deb, .rpm, bills of materials and their sums, in dist (ARCH=amd64,arm64 MAINTAINER="Name <mail>")
	$(GO) run ./internal/dist $(if $(ARCH),-arch $(ARCH)) $(if $(MAINTAINER),-maintainer "$(MAINTAINER)")

.PHONY: dist-twice
dist-twice: ## all that twice for this machine's architecture, from two clones: the same bytes
	$(GO) test -count=1 -v -timeout 0 -run '^TestTwice$$' ./internal/dist -dist.twice
