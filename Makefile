# The house's commands. `make demo` and `make test` are all a newcomer needs; every target makes .venv first when it must.
#
#   PYTHON=python3.12          interpreter for a new .venv
#   TORCH_INDEX=URL            where torch comes from, e.g. https://download.pytorch.org/whl/cpu (Linux without a GPU)
#   PYTEST='-n 2'              options for pytest

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
TORCH_INDEX ?=
PYTEST ?= -n 2
BIN := .venv/bin
STAMP := .venv/.lorasteer-setup
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help setup demo test check bench record docs format

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(STAMP) ## Make .venv with exactly the tested versions

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python {sys.version.split()[0]} is too old; 3.11 or newer is needed: make setup PYTHON=python3.11")'
	@test -x $(BIN)/python || { echo "setup: making .venv"; $(PYTHON) -m venv .venv; }
	@echo "setup: installing torch"; $(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	@echo "setup: installing lorasteer and its tools"; $(PIP) --editable '.[web,umap,language,dev]'
	@touch $@

demo: $(STAMP) ## Make a network forget a digit, and see what it cost
	@$(BIN)/lorasteer demo

test: check ## Check, run every test, build the docs strictly
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q $(PYTEST)
	@$(MAKE) docs

check: $(STAMP) ## Format, lint, types, layers, freshness of generated docs
	@echo "check: format"; $(BIN)/ruff format --check --quiet .
	@echo "check: lint"; $(BIN)/ruff check --quiet .
	@echo "check: types"; $(BIN)/mypy --no-error-summary
	@echo "check: layers"; $(BIN)/lint-imports --no-cache > .venv/.layers.log || { cat .venv/.layers.log; exit 1; }
	@echo "check: generated docs"; $(BIN)/python -m scripts.docs --check

bench: $(STAMP) ## Run the experiments behind the README's tables
	@$(BIN)/python -m benchmarks $(EXPERIMENTS)

record: $(STAMP) ## Record the moving picture of lorasteer steer anew, docs/assets/steer.svg
	@$(BIN)/python -m scripts.record

docs: $(STAMP) ## Build the documentation into site/
	@echo "docs: building"; NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(STAMP) ## Format, apply safe fixes, write the generated docs anew
	@$(BIN)/ruff format --quiet .; $(BIN)/ruff check --quiet --fix .; $(BIN)/python -m scripts.docs
