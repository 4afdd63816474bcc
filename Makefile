# Postvet. `make` alone prints the targets; the scripts behind them are in
# contrib/make, and each says its usage with -h.
SHELL      := /bin/sh
GO         ?= go
FUZZTIME   ?= 10m
BENCHFLAGS ?= -all
GOLANGCI    = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK = $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0
export GO

.DEFAULT_GOAL := help
.PHONY: help build check test format vet cross cross-smoke lint shell tidy unit fuzz-smoke fmt vuln conformance fuzz microbench journal-bench \
	mtas oracles from-oracles prometheus shellcheck xmllint browser peers dns keyservers fleet resolvers demo bench deb rpm apk image release release-twice man package-test clean

help: ## this list
	@contrib/make/help.sh $(MAKEFILE_LIST)

build: ## the binary ./postvet, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$$(contrib/make/version.sh)" -o postvet ./cmd/postvet

check: format vet lint tidy ## the quick loop: needs no root and no MTA; a minute
	$(GO) test -short ./...

test: mtas dns keyservers oracles prometheus shellcheck xmllint browser format vet cross-smoke lint shell tidy unit fuzz-smoke ## all checks; brings the real MTAs and servers first where root and apt allow

format: ## gofmt would change nothing
	@contrib/make/format.sh

vet: ## go vet
	$(GO) vet ./...

cross: ## go vet for each system that Postvet builds for
	@contrib/make/cross.sh

# The one that differs most from Linux on 64 bits.
cross-smoke: ## go vet for one of them
	@contrib/make/cross.sh netbsd/386

lint: ## golangci-lint; LINT=no leaves it out
	$(if $(filter no,$(LINT)),,$(GOLANGCI) run ./...)

shell: ## shellcheck, where it is installed
	@contrib/make/shell.sh

tidy: ## go.mod and go.sum are what go mod tidy makes
	$(GO) mod tidy -diff

# SQLite is translated C. Its memory is outside of what the race detector looks at,
# but for global variables, and yet it makes SQLite ten times slower.
RACE = -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false

# The packages that take longest. They come first, so that none is left alone at the end.
LONGEST = ./cmd/postvet ./contrib/... ./dnscache ./cmd/postvet/internal/reportsending ./cmd/postvet/internal/web/browser

# Three packages at a time, as they wait for other programs, disks and timers more
# than they compute. By default, each process with the race detector waits a
# second at its end. Tests that are too slow with it run again without, in full. "make
# vet" is for all of it.
unit: ## all tests with the race detector, in random order
	GORACE=atexit_sleep_ms=20 $(GO) test $(RACE) -shuffle=on -vet=off -timeout 10m -p 3 $(LONGEST) ./...
	$(GO) test -run '^TestYear' ./cmd/postvet/internal/journal/sqlite
	$(GO) test -run '^TestFlood$$' ./dnscache
	$(GO) test -run '^TestJudgementCorpus$$' ./policy
	$(GO) test -run 'Kill$$' ./cmd/postvet/internal/reportsending

# A number of inputs, not a time: each target runs and its seeds hold.
fuzz-smoke: ## each fuzz target for a moment
	@contrib/make/fuzz.sh -t 500x

fmt: ## formats all Go files with gofumpt
	$(GOLANGCI) fmt ./...

vuln: ## known vulnerabilities in what Postvet calls; asks vuln.go.dev
	$(GOVULNCHECK) ./...

conformance: ## our cases for each section of the RFCs, and the public suites if they are here
	@contrib/make/conformance.sh

fuzz: ## each fuzz target for FUZZTIME, default 10m
	@contrib/make/fuzz.sh -t $(FUZZTIME)

microbench: ## the benchmarks of all packages
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Ten million rows take a quarter of an hour, and 5 GB that are removed after.
journal-bench: ## the journal at 5,000 and 20,000 messages a second, searches in a day of 10 million, web pages of 60 days of them and of a year of a fleet
	$(GO) test -run '^$$' -bench 'Write|Paced' -benchtime 200000x ./cmd/postvet/internal/journal/sqlite
	POSTVET_JOURNAL_ROWS=10000000 $(GO) test -run '^$$' -bench Find -benchtime 50x -timeout 2h -v ./cmd/postvet/internal/journal/sqlite
	POSTVET_WEB_ROWS=10000000 $(GO) test -run TestWebOfManyRows -timeout 2h -v ./cmd/postvet
	POSTVET_FLEET_NAMES=20000 $(GO) test -run TestWebOfLargeFleet -timeout 2h -v ./cmd/postvet

# Without these programs the tests that need them are skipped.
mtas: ## brings Debian's Postfix and Sendmail
	-@contrib/realmta/install.sh

oracles: ## brings other implementations of SPF and DKIM, and other readers of From
	-@contrib/oracles/install.sh

keyservers: ## brings Debian's Redis and PostgreSQL, unpacked
	-@contrib/keyservers/install.sh

dns: ## brings Debian's DNS resolvers, unpacked
	-@contrib/resolvers/install.sh

from-oracles: oracles ## 100000 new From fields read by Postvet and all other programs
	$(GO) test -count=1 -timeout 60m -v -run '^TestFrom$$' ./contrib/oracles -fields=100000 -seed=0

prometheus: ## brings Debian's Prometheus
	-@contrib/monitoring/install.sh

shellcheck: ## brings Debian's shellcheck
	-@contrib/make/install.sh shellcheck shellcheck

xmllint: ## brings Debian's xmllint, which knows the schema of reports
	-@contrib/make/install.sh xmllint libxml2-utils

browser: ## brings Debian's Chromium, for the tests of the web page
	-@contrib/web/install.sh

peers: ## brings Debian's other milters, for the benchmark and the comparison of reports
	-@contrib/bench/install.sh
	-@contrib/bench/reporters.sh

demo: mtas ## sends good and forged mail through Postfix and Sendmail
	$(GO) run ./contrib/demo

fleet: keyservers ## three nodes and a PostgreSQL, killed 200 times; FAULTS chooses how often
	POSTVET_TEST_FLEET=$(or $(FAULTS),200) $(GO) test -count=1 -timeout 30m -v -run '^TestFleet$$' ./cmd/postvet/internal/journal/postgres

resolvers: dns ## Postvet before each DNS resolver in each kind of trouble, as a table
	$(GO) run ./contrib/resolvers

bench: peers mtas ## Postvet beside its peers, 45 minutes; BENCHFLAGS='-quick -all' is shorter
	$(GO) run ./contrib/bench $(BENCHFLAGS)

deb: ## the Debian package, into dist/; VERSION and ARCH choose
	@contrib/packaging/build.sh dist

rpm apk: ## the package for Fedora, RHEL and their kin, or Alpine, likewise
	@FORMATS=$@ contrib/packaging/build.sh dist

release: ## binaries, packages and checksums of VERSION, into dist/release
	@contrib/release/build.sh "$(VERSION)"

release-twice: ## two releases of VERSION at two paths, which must be equal
	@contrib/release/twice.sh "$(VERSION)"

image: ## the container image for amd64 and arm64 as an OCI layout, into dist/; VERSION chooses
	@$(GO) run ./contrib/image -out dist -version "$${VERSION:-$$(contrib/make/version.sh)}"

man: ## the man pages, into dist/man
	@mkdir -p dist/man && $(GO) run ./cmd/postvet manual --date "$$(date -u +%Y-%m-%d)" --log contrib/monitoring/LOGS.md dist/man

package-test: ## the packages in a scratch Debian with systemd and Postfix, rpm, OpenRC; needs root
	@contrib/packaging/tools.sh
	POSTVET_PACKAGE_TEST=1 $(GO) test -count=1 -timeout 30m -v ./contrib/packaging

clean: ## removes what the other targets leave
	rm -rf postvet dist
