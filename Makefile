# gitml: everything a developer runs. `make` alone lists the targets.
#
# Needs Git, make and Python 3.11 or newer (PYTHON=python3.12 chooses another one than python3).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
PEERS := .venv-bench/.complete
CONSTRAINTS := requirements/constraints.txt
TORCH := torch==2.13.0
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help venv compiled demo test lint types layers format bench docs clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | \
	  while IFS="$$(printf '\t')" read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

venv: $(STAMP)  ## build .venv with everything installed

# Plain torch comes first and alone: on some machines the pinned version is all that an installer
# may choose from, and the later install then finds it satisfied.
$(STAMP): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "gitml needs Python 3.11 or newer, and $(PYTHON) is not: make venv PYTHON=python3.12" >&2; \
	  exit 2; }
	@test -x $(BIN)/pip || { echo "[1/3] making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "[2/3] installing $(TORCH) (a large download on a new machine)"
	@$(PIP) install --constraint $(CONSTRAINTS) '$(TORCH)'
	@echo "[3/3] installing gitml with what its tests need (about a minute)"
	@$(PIP) install --constraint $(CONSTRAINTS) --editable '.[torch,report,parquet,dev]'
	@touch $@
	@echo "done: $(BIN)/gitml"

# As an installer does. Where Python is told to write no bytecode, every process that the tests start
# would compile all of it again.
compiled: $(STAMP)
	@$(BIN)/python -m compileall -q gitml

demo: compiled  ## walk the main job in a temporary folder, and show it
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo.sh

test: lint types layers compiled  ## lint, types, layers, then every test
	$(BIN)/python -m pytest -n $(WORKERS) -q

lint: $(STAMP)  ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

layers: $(STAMP)  ## which part may import which
	$(BIN)/lint-imports

format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: compiled $(PEERS)  ## measure gitml against its peers
	GITML_BENCH_PYTHON="$(CURDIR)/.venv-bench/bin/python" $(BIN)/python -m benchmarks

# The peers live apart: their pins and gitml's need not agree.
$(PEERS): requirements/bench.txt
	@echo "installing the peers to measure against into .venv-bench"
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip --disable-pip-version-check --no-input -qq install -r requirements/bench.txt
	@touch $@

docs: $(STAMP)  ## write the generated reference pages
	$(BIN)/python scripts/docs.py

clean:  ## remove .venv and every cache
	rm -rf $(VENV) .venv-bench build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
