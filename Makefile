# One verb per thing a person does. Each makes what it needs: a fresh clone plus Python 3.11+ is enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := 1
.DEFAULT_GOAL := help
.PHONY: help install demo dev test lint lint-python lint-sql bench verify-kpis chaos docs lock clean

help:  ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(VENV)/.installed  ## Virtual environment from requirements.lock (hashes checked)

# uv installs the lock in seconds where pip needs minutes; pip only bootstraps it. Compiled at once: where Python may not
# write bytecode (as in many containers) every start of dagster, dbt and GX would compile for some fifteen seconds.
$(VENV)/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv==$$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: install  ## From three vendor APIs (sandbox) to a published KPI scorecard
	@$(BIN)/kpilote demo

dev: install  ## Dagster UI and daemon on this machine, with the demo's runs in it
	@$(BIN)/kpilote dev

test: install  ## All tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: install  ## ruff, mypy --strict, sqlfluff, yamllint
	@$(MAKE) --no-print-directory --jobs 2 lint-python lint-sql

lint-python:
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy

lint-sql:
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests
	@$(BIN)/yamllint --strict .

verify-kpis: install  ## Every KPI cell again through MetricFlow (or the sandbox's ledger), compared with kpi_values
	@$(BIN)/python -m tests.verify

bench: install  ## Time and memory of each stage, pulls against the least they could cost, attribution against one scan: ratios within one run
	@$(BIN)/python -m tests.benchmarks
	@$(BIN)/python -m tests.benchmarks.ingestion
	@$(BIN)/python -m tests.benchmarks.attribution

chaos: install  ## Refreshes killed, disks filled, vendors failing, releases under readers: a table; figures in docs/reliability.md
	@$(BIN)/python -m tests.chaos

docs: install  ## dbt's documentation site of the marts, under data/dbt_target
	@$(BIN)/kpilote docs

lock:  ## Resolve pyproject.toml into requirements.lock (hashes, no index address)
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv; }
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-strip-extras --no-emit-index-url --no-header -q \
	  .ci/build-requirements.txt -o requirements.lock

clean:  ## Forget the virtual environment (data/ is yours and stays)
	@rm -rf $(VENV)
