# Each target is one command and installs what it needs itself. PG chooses the Postgres major.

PG ?= 15
PG_CONFIG ?= pg_config
SECONDS ?= 600

.PHONY: help demo demo-oidc test bench fuzz lint format install package portable check-dump

help:
	@echo 'make demo              watch a real PostgREST step a client up (KEEP=1 leaves it running)'
	@echo 'make demo-oidc         step up in a browser, at a real Keycloak (KEEP=1 leaves it running for you)'
	@echo 'make test              run all tests on Postgres $(PG) (PG=18, or PG="15 18" for several)'
	@echo 'make bench             measure, as ratios, and write docs/performance.md (PEERS=dir adds variants)'
	@echo 'make fuzz              fuzz the core, each target for SECONDS=$(SECONDS)'
	@echo 'make lint              check code, scripts, prose and who imports what'
	@echo 'make format            format Rust, JavaScript and TypeScript'
	@echo 'make install           install into the Postgres of PG_CONFIG ($(PG_CONFIG))'
	@echo 'make check-dump        prove a schema-only dump: DUMP=schema.sql ROLES=roles.sql, or DATABASE=address'
	@echo 'make portable          write the portable edition, in plain SQL, into portable/'
	@echo 'make package           build a release archive for Postgres $(PG) under target/'

demo:
	@pgrx-config/setup.sh $(PG)
	@pgrx-config/build.sh $(PG)
	@PG=$(PG) node examples/demo/demo.mjs

demo-oidc:
	@pgrx-config/setup.sh --browser $(PG)
	@pgrx-config/build.sh $(PG)
	@PG=$(PG) node examples/step-up/demo.mjs

test:
	@tests/run.sh $(PG)

bench:
	@PG=$(PG) PEERS=$(PEERS) crates/bench/run.sh

fuzz:
	@crates/aal/fuzz/run.sh $(SECONDS)

lint:
	@pgrx-config/lint.sh $(firstword $(PG))

format:
	@pgrx-config/setup.sh --lint $(firstword $(PG))
	@pgrx-config/format.sh

install:
	@pgrx-config/install.sh $(PG_CONFIG)

package:
	@pgrx-config/setup.sh --build $(PG)
	@pgrx-config/build.sh $(PG) release
	@tar -C target/pg$(PG)/package-release -czf target/pg_aal-pg$(PG).tar.gz .
	@echo target/pg_aal-pg$(PG).tar.gz

portable:
	@pgrx-config/portable.sh

check-dump:
	@pgrx-config/setup.sh --build $(PG)
	@pgrx-config/build.sh $(PG)
	@pgrx-config/check_dump.sh $(PG)
