# Surehold's workshop. `make` alone lists what there is.

PYTHON ?= python3
PORT ?= 8000
DATA ?=
JOBS ?= 2
WHAT ?= simulation
OPS ?= 50000
SEED ?= 1

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --extra embedded

# Stamps: a lock is installed again only when it, or the project's own table, has changed.
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed

.DEFAULT_GOAL := help
.PHONY: help demo test check bench prove format lock messages schema clean
.DELETE_ON_ERROR:

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Start the demo shop (PORT=8000 DATA=folder); Ctrl-C stops all of it
	@exec $(BIN)/surehold demo --port $(PORT) $(if $(DATA),--data "$(DATA)")

test: check ## Run everything that CI runs: the checks, then every test (JOBS=2)
	$(BIN)/pytest -n $(JOBS)

check: $(DEV) ## Lint, format, types, direction of imports, dependencies, templates
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry src
	$(BIN)/djlint --quiet --lint src
	$(BIN)/python -m tools.scan_security

bench: $(RUNTIME) ## Measure checkouts per second on this machine (ARGS=--help for more)
	@exec $(BIN)/python -m bench $(ARGS)

prove: $(DEV) ## Try to break it: OPS=500000 SEED=1 or MINUTES=10, or WHAT=all (--help lists the rest)
	@exec $(BIN)/python -m proof $(WHAT) --seed $(SEED) \
		$(if $(MINUTES),--minutes $(MINUTES),--ops $(OPS)) $(ARGS)

format: $(DEV) ## Sort imports and format the code
	$(BIN)/ruff check --select I --fix
	$(BIN)/ruff format

# The two locks differ in the development group, and in the extra that makes PDFs. They name no index: pip's own settings do.
lock: ## Resolve the dependencies again and write locks/*.txt
	rm -rf .venv/lock
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip --quiet --disable-pip-version-check install uv
	.venv/lock/bin/uv $(COMPILE) --group build pyproject.toml -o locks/runtime.txt
	.venv/lock/bin/uv $(COMPILE) --extra pdf --group build --group dev pyproject.toml -o locks/dev.txt
	rm -rf .venv/lock

messages: $(DEV) ## Bring the catalogs of the pages' words up to date (then translate what is empty)
	$(BIN)/python -m tools.write_messages

schema: $(DEV) ## Write schema.sql from the migrations
	$(BIN)/python -m tools.dump_schema schema.sql

clean: ## Remove what make made here: the environment and the tools' caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Surehold needs Python 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv

$(RUNTIME): locks/runtime.txt pyproject.toml | $(BIN)/python
	@echo "Installing Surehold from locks/runtime.txt"
	@$(PIP) install --require-hashes -r locks/runtime.txt
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

$(DEV): locks/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing Surehold from locks/dev.txt"
	@$(PIP) install --require-hashes -r locks/dev.txt
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $(RUNTIME) $@
