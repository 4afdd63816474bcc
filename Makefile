# Postvet. `make` alone says what there is.
SHELL    := /bin/sh
GO       ?= go
FUZZTIME ?= 10m
# Proves that each target runs and that its seeds hold. A number of inputs, not
# a time: a target that is in the middle of one when its time ends may report
# "context deadline exceeded", which is no finding.
SMOKETIME ?= 500x
BENCHFLAGS ?= -all
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: help build test mtas oracles peers prometheus format vet lint fmt unit fuzz fuzz-smoke demo bench microbench conformance deb man package-test clean
.DEFAULT_GOAL := help

help: ## what there is to make
	@echo 'usage: make TARGET'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

build: ## the binary ./postvet, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o postvet ./cmd/postvet

test: mtas oracles prometheus format vet lint unit fuzz-smoke ## all checks; brings the real MTAs first where root and apt allow

mtas: ## Debian's Postfix and Sendmail, for the tests with real MTAs
	@contrib/realmta/install.sh || echo 'make: the MTAs could not be brought; the tests that need them are skipped' >&2

oracles: ## Debian's other SPF and DKIM implementations, for the differential tests
	@contrib/oracles/install.sh || echo 'make: the oracles could not be brought; the tests that need them are skipped' >&2

prometheus: ## Debian's Prometheus, for the test of contrib/monitoring
	@contrib/monitoring/install.sh || echo 'make: Prometheus could not be brought; the test that needs it is skipped' >&2

format: ## are all files as gofmt has them
	@bad=$$(gofmt -l cmd contrib dnscache filter policy); \
	if [ -n "$$bad" ]; then echo "not as gofmt has them:"; echo "$$bad"; exit 1; fi

vet: ## go vet
	$(GO) vet ./...

lint: ## golangci-lint with the import graph; LINT=no leaves it out
ifneq ($(LINT),no)
	$(GO) run $(GOLANGCI) run ./...
endif

fmt: ## formats all files as the linter wants them (gofumpt)
	$(GO) run $(GOLANGCI) fmt ./...

unit: ## go test with the race detector, in random order
	$(GO) test -race -shuffle=on -timeout 10m ./...

# One line "package target" per fuzz target.
list_fuzz = $(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | while read -r pkg; do \
	$(GO) test -list '^Fuzz' "$$pkg" | sed -n "s|^Fuzz.*|$$pkg &|p"; done

define run_fuzz
@list=$$($(list_fuzz)); \
echo "$$list" | while read -r pkg target; do \
	[ -n "$$target" ] || continue; \
	echo "fuzz $$pkg $$target ($(1))"; \
	$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(1) "$$pkg" >fuzz.log 2>&1 </dev/null && continue; \
	if grep -q 'Failing input written' fuzz.log || ! grep -q '^ *context deadline exceeded$$' fuzz.log; then \
		cat fuzz.log; rm -f fuzz.log; exit 1; \
	fi; \
	echo "  (its time ended in the middle of an input)"; \
done
@rm -f fuzz.log
endef

fuzz: ## every fuzz target for FUZZTIME, default 10m each
	$(call run_fuzz,$(FUZZTIME))

fuzz-smoke: ## every fuzz target for a moment
	$(call run_fuzz,$(SMOKETIME))

demo: mtas ## real Postfix and Sendmail with Postvet between: what happens to which message
	$(GO) run ./contrib/demo

peers: ## Debian's other milters, for the benchmark
	@contrib/bench/install.sh || echo 'make: the peers could not be brought; the benchmark leaves them out' >&2

bench: peers mtas ## Postvet beside its peers: alone, through Postfix, and its memory; 40 minutes. BENCHFLAGS='-quick -all' for a short look
	$(GO) run ./contrib/bench $(BENCHFLAGS)

microbench: ## the benchmarks of all packages
	$(GO) test -run '^$$' -bench . -benchmem ./...

conformance: ## the public suites, one table
	@$(GO) test -count=1 -run Conformance -v ./policy/... >conformance.log 2>&1; status=$$?; \
	sed -nE 's/^.*conformance (.+) ([0-9]+) ([0-9]+) ([0-9]+)$$/\1|\2|\3|\4/p' conformance.log | \
	awk -F'|' 'BEGIN {printf "%-44s %6s %7s %18s\n", "suite", "cases", "passed", "known differences"} \
	  {printf "%-44s %6d %7d %18d\n", $$1, $$2, $$3, $$4; cases += $$2; passed += $$3; known += $$4} \
	  END {if (!NR) print "no suite ran: the corpora are not there (POSTVET_CORPORA names their folder)"; \
	       else printf "%-44s %6d %7d %18d\n", "all", cases, passed, known}'; \
	echo; echo 'known differences, each with what decides it:'; sed -nE 's/^.*difference ([a-z0-9]+\/.*)$$/  \1/p' conformance.log | sort -u; \
	if [ $$status != 0 ]; then grep -E '^ *(--- FAIL|FAIL|[a-z_]*_test.go)' conformance.log | head -50; fi; \
	rm -f conformance.log; exit $$status

deb: ## the Debian package, into dist/; VERSION and ARCH choose
	@contrib/packaging/build.sh dist

man: ## the man pages, into dist/man
	@mkdir -p dist/man && $(GO) run ./cmd/postvet manual --date "$$(date -u +%Y-%m-%d)" dist/man

package-test: ## the package for real: a scratch Debian with systemd and Postfix, upgraded under load; root alone
	@contrib/packaging/tools.sh
	POSTVET_PACKAGE_TEST=1 $(GO) test -count=1 -timeout 15m -v ./contrib/packaging

clean: ## what the other targets leave
	rm -rf postvet fuzz.log conformance.log dist
