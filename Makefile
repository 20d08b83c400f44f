# Two commands for a fresh machine: `make demo` and `make test`. Both set themselves up in .venv.
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
BIN := .venv/bin
# pip compiles what it copies; an editable installation it does not, and where nothing may be written later every start would.
BYTECODE = @$(BIN)/python -m compileall -q cli layers functions
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo demo-pull test test-long test-random check-sam lint types prove chaos bench-stores build docs format clean

help:  ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Portl needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 3; }
	"$(PYTHON)" -m venv .venv

.venv/installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	$(BYTECODE)
	@touch $@

.venv/installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BYTECODE)
	@touch .venv/installed $@

setup: .venv/installed  ## Install Portl into .venv

setup-dev: .venv/installed-dev  ## Install Portl and its tests' tools into .venv

demo: .venv/installed  ## Run Flow A on the embedded PostgreSQL
	$(BIN)/portl run statemachines/resource_sync/job.yaml --param path=statemachines/resource_sync/resources.csv --demo

demo-pull: .venv/installed  ## Run Flow B on the embedded PostgreSQL
	$(BIN)/portl run statemachines/resource_pull/job.yaml --param batch_id=2026-11 --demo

lint: .venv/installed-dev  ## Style, imports' direction, generated files, the security of workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/portl build --check
	$(BIN)/python docs/generate.py --check
	$(BIN)/zizmor --offline --quiet .github

types: .venv/installed-dev  ## Strict types
	$(BIN)/mypy

test: lint types  ## Everything that must hold, but for what takes long
	$(BIN)/pytest -n 4 --dist worksteal

test-long: .venv/installed-dev  ## What takes long: Flow A on the whole example file, layers built, large files, stores below a prefix, `portl store` over S3 and SFTP
	$(BIN)/pytest -m long

test-random: .venv/installed-dev  ## The property tests with examples nobody has seen; what they find becomes a test
	PORTL_EXAMPLES=new $(BIN)/pytest -n 4 --dist worksteal -m 'hypothesis and not chaos and not long'

prove: .venv/installed-dev  ## Kill workers at every effect of both flows, and compare; some minutes
	PORTL_PROVE_ALL=1 $(BIN)/pytest -n 2 tests/prove/test_flows.py

chaos: .venv/installed-dev  ## Flow A while the database, workers and calls fail at random; RECORDS=20000 SEED=
	PORTL_CHAOS_RECORDS=$(or $(RECORDS),20000) PORTL_CHAOS_SEED=$(SEED) $(BIN)/pytest -s -m chaos tests/chaos

# Lambda's Python: on the path, or one of pyenv's that is not switched on.
PYTHON313 ?= $(shell for each in python3.13 "$$(pyenv root 2>/dev/null)"/versions/3.13.*/bin/python3.13; do \
	$$each -c '' 2>/dev/null && command -v $$each && break; done)

.cache/sam/installed: tests/bundle/requirements.txt
	"$(PYTHON)" -m venv .cache/sam
	.cache/sam/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/bundle/requirements.txt
	@touch $@

# What Lambda's runtime brings: its client, and boto3.
.cache/lambda/installed: tests/bundle/runtime.txt
	@if [ -n "$(PYTHON313)" ]; then "$(PYTHON313)" -m venv .cache/lambda && \
		.cache/lambda/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/bundle/runtime.txt && \
		touch $@; fi

check-sam: .venv/installed-dev .cache/sam/installed .cache/lambda/installed  ## The template and the layers under SAM's own tools
	$(BIN)/pytest -m sam tests/bundle

.cache/bench/installed: bench/requirements.txt pyproject.toml
	"$(PYTHON)" -m venv .cache/bench
	.cache/bench/bin/python -m pip install --quiet --disable-pip-version-check -e . --requirement bench/requirements.txt
	@touch $@

bench-stores: .cache/bench/installed  ## Stores beside remote-store, s3fs, boto3, paramiko and rclone, into docs/performance.md; BENCH=--help
	.cache/bench/bin/python bench/stores.py $(BENCH)

build: .venv/installed  ## Compile every job
	$(BIN)/portl build

docs: .venv/installed  ## Write the generated documents
	$(BIN)/python docs/generate.py

format: .venv/installed-dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Forget everything that was set up or run here
	rm -rf .venv .portl .pytest_cache .mypy_cache .ruff_cache .hypothesis .cache
