# `make demo` to try Distro, `make test` to check it, `make help` for the rest.

PORT ?= 8000
INSTANCE ?= instance
RESET ?=
PYTHON ?= python3
DATABASE ?= sqlite
BENCH ?=
MEASURE ?=
SCAN ?=

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
CATALOGS := $(patsubst %.po,%.mo,$(wildcard distro/translations/*/LC_MESSAGES/*.po))
PYTEST := $(BIN)/python -m pytest --quiet

.PHONY: help setup demo test check format unit browser screenshots bench measure scan lock clean system text-browser suite-sqlite suite-postgresql suite-browser

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/run.stamp $(CATALOGS) ## Start everything on this machine: make demo [PORT=8000] [INSTANCE=instance] [RESET=1]
	@exec $(BIN)/distro demo --port '$(PORT)' --instance '$(INSTANCE)' $(if $(filter-out 0,$(RESET)),--reset)

setup: .venv/dev.stamp $(CATALOGS) ## Build .venv with all that development and tests need

test: setup system check ## Everything: lint, types, layers, and the whole suite on SQLite and on PostgreSQL
	@echo "The suite runs on SQLite, on PostgreSQL and in Chromium side by side; each is shown when it is done, in 10 minutes or more"
	@$(MAKE) --jobs=3 --output-sync=target suite-sqlite suite-postgresql suite-browser

check: setup ## Lint, formatting, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## Format the code and mend what can be mended by machine
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

unit: setup ## The suite without a browser: make unit [DATABASE=postgresql] (TEST_DATABASE_URL names your own server)
	$(PYTEST) -m 'not browser' --database '$(DATABASE)'

browser: setup system ## The browser tests alone
	$(PYTEST) -m browser

screenshots: setup system ## Take the pictures in docs/screenshots/ anew
	$(BIN)/python -m tests.browser.screenshots

bench: setup ## Measure what was promised, a row for each: make bench [BENCH=worker]
	@$(BIN)/python -m tests.bench $(BENCH)

measure: setup system text-browser ## Measure the goals of the participants' side, P1 to P22: make measure [MEASURE='wire pages']
	@$(BIN)/python -m tests.measure $(MEASURE)

scan: setup .scan/tools.stamp .scan/wapiti.stamp ## Scan the code and a running instance, about 10 minutes: make scan [SCAN='bandit semgrep']
	@$(BIN)/python -m tests.scan $(SCAN)

lock: ## Pin the newest fitting releases, with hashes and without addresses
	@folder=$$(mktemp -d); trap "rm -rf $$folder" EXIT; \
	$(PYTHON) -m venv $$folder; $$folder/bin/pip install --quiet uv; \
	compile="$$folder/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --python-version 3.11"; \
	$$compile pyproject.toml --group build -o requirements.lock; \
	$$compile pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock; \
	$$compile --group scan -o requirements-scan.lock; \
	$$compile --group wapiti -o requirements-wapiti.lock

clean: ## Remove .venv, caches and compiled catalogs; never an instance
	rm -rf .venv .scan build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache $(CATALOGS)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- parts and made files: not to be called by hand --

# A browser waits much, so its tests fill what the others leave of two cores.
suite-sqlite:
	$(PYTEST) -m 'not browser'

suite-postgresql:
	$(PYTEST) --database postgresql

suite-browser:
	$(PYTEST) -m browser

.venv/python.stamp:
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "Distro needs Python 3.11 or newer with venv and pip; '$(PYTHON)' is not that." >&2; \
	echo "On Debian: apt-get install python3-venv. Or name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Building .venv"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/run.stamp: requirements.lock pyproject.toml | .venv/python.stamp
	@echo "Installing what Distro needs (requirements.lock)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/run.stamp
	@echo "Installing what the tests need (requirements-dev.lock)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# The scanners live apart: what they need would clash with what Distro needs, and wapiti's with the others'.
.scan/tools.stamp: requirements-scan.lock
.scan/wapiti.stamp: requirements-wapiti.lock
.scan/%.stamp:
	@echo "Installing scanners ($<)"
	@rm -rf .scan/$*
	@$(PYTHON) -m venv .scan/$*
	@.scan/$*/bin/pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

%.mo: %.po | .venv/run.stamp
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

# Chromium draws the pages in the tests, poppler turns labels into pictures, git knows which files are ours.
system: NEEDED = git $${CHROMIUM:-chromium}=chromium pdftoppm=poppler-utils
text-browser: NEEDED = w3m

system text-browser:
	@missing=''; \
	for each in $(NEEDED); do command -v "$${each%%=*}" >/dev/null || missing="$$missing $${each##*=}"; done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing$$missing"; export DEBIAN_FRONTEND=noninteractive; \
	apt-get -qq update && apt-get -qq install --yes --no-install-recommends $$missing >/dev/null; \
	else echo "The tests need$$missing. Please install (on Debian: sudo apt-get install$$missing)" \
	"and run this again; CHROMIUM may name another Chromium." >&2; exit 1; fi
