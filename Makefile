# Tonne. `make up` runs it on a bare machine; `make help` lists the rest.
# The environment (.venv) is made on first use and brought up to date when a lock file changes.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first Python that is new enough; PYTHON=/path/to/python3 chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& command -v "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PRODUCT := $(VENV)/.requirements.stamp
DEVELOPMENT := $(VENV)/.requirements-dev.stamp
# Older CodeCarbon clients, as tests run them.
CLIENTS := build/codecarbon-2.8/.stamp build/codecarbon-3.0/.stamp
TESTS ?= tests
# One more than two cores: some tests wait for browsers, clients and servers.
WORKERS ?= 3
CHECKED := config emissions reports tests bench manage.py

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Tonne needs Python 3.11 or newer, and none was found. \
	Install it, or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tonne needs \
	Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" -V 2>&1)." >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module. \
	On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Making the environment in $(VENV) with $$("$(PYTHON)" -V)"
	@"$(PYTHON)" -m venv --clear $(VENV)

$(PRODUCT): requirements.txt | $(BIN)/python
	@echo "Installing what Tonne runs on ($<)"
	@$(BIN)/python -m pip install --quiet --require-hashes -r $<
	@touch $@

$(DEVELOPMENT): requirements-dev.txt | $(BIN)/python
	@echo "Installing what Tonne is tested with ($<)"
	@$(BIN)/python -m pip install --quiet --require-hashes -r $<
	@touch $@

build/codecarbon-%/.stamp: requirements-codecarbon-%.txt | $(DEVELOPMENT)
	@echo "Installing an older client beside the environment ($<)"
	@rm -rf $(@D)
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps --target $(@D) -r $<
	@touch $@

.PHONY: clients
clients: $(CLIENTS) ## The older CodeCarbon clients that tests run, into build/

.PHONY: up
up: $(PRODUCT) ## Start everything; Ctrl-C stops it
	@exec $(BIN)/python -m config.embedded $(ARGUMENTS)

.PHONY: test
test: $(DEVELOPMENT) $(CLIENTS) ## Run all tests (TESTS=path for some, WORKERS=n processes)
	@# Tests start about a hundred processes: each would compile the product anew.
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

.PHONY: check
check: export DJANGO_SETTINGS_MODULE = config.settings.test
check: $(DEVELOPMENT) ## Lint, format, types, import contracts, templates, migrations
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING

.PHONY: format
format: $(DEVELOPMENT) ## Put code in shape
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

.PHONY: shots
shots: $(DEVELOPMENT) ## A screenshot of every page into build/shots (PAGES=names for some)
	@$(BIN)/python -m tests.browser.shots $(PAGES)

.PHONY: bench
bench: $(DEVELOPMENT) ## Measure; prints and writes build/bench.json
	@$(BIN)/python -m bench

.PHONY: lock
lock: $(DEVELOPMENT) ## Resolve requirements*.in into requirements*.txt anew
	@$(BIN)/python -m pip install --quiet uv
	@for name in requirements requirements-dev; do \
		$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
		--universal --python-version 3.11 $(UPGRADE) $$name.in -o $$name.txt; done
	@for name in requirements-codecarbon-2.8 requirements-codecarbon-3.0; do \
		$(BIN)/uv pip compile --quiet --no-deps --generate-hashes --no-emit-index-url --no-header \
		--universal --python-version 3.11 $(UPGRADE) $$name.in -o $$name.txt; done

.PHONY: clean
clean: ## Remove the environment and what was built; data stay
	@rm -rf $(VENV) build staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis
