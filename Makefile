# Each target does its own set-up: a fresh clone needs Python 3.11 or newer, make, and the network once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Tests share the cores, at most four of them: each process imports PyTorch, Dagster and MLflow once.
PYTEST := $(BIN)/pytest --numprocesses=logical --maxprocesses=4 --durations=20
# Anything here has `make test` measure branch coverage too.
COVERAGE ?=

.DEFAULT_GOAL := help
# Folder of real recordings in text files, for `make bench`; recordings of that size are made where there is none.
DATA ?=

.PHONY: help setup demo test test-slow check format ui bench bench-quick screenshots

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) .env ## Create .venv with the pinned dependencies and this project, and .env

demo: setup ## Run the whole graph on synthetic recordings, in .demo
	@HAR_HOME="$(CURDIR)/.demo" $(BIN)/har run experiments/demo.toml

test: setup ## Run the tests, the slow ones apart
	@$(PYTEST) -m "not slow" --dist=worksteal $(if $(COVERAGE),--cov)

test-slow: setup ## Run the tests with real processes, servers and browsers
	@$(PYTEST) -m slow --dist=loadfile --no-loadscope-reorder

check: setup ## Check format, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: setup ## Format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

ui: setup ## Serve Dagster's and MLflow's pages on this machine
	@$(BIN)/har ui

bench: setup ## Measure speed beside the plain way, into .bench; DATA=FOLDER takes real recordings
	@$(BIN)/python benchmarks/run.py $(if $(DATA),--data "$(DATA)")

bench-quick: setup ## One small round of the same, to see that it works
	@$(BIN)/python benchmarks/run.py --quick

screenshots: setup ## Take the pictures of the guide, of what `make demo` made
	@$(BIN)/python docs/screenshots.py

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is `$(PYTHON) --version 2>&1`." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "Setting up: once, and again when pyproject.toml or constraints.txt change; 2 to 5 minutes, mostly downloads."
	@echo "1/3 Creating the environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo "2/3 Installing `grep -c '^[^#]' constraints.txt` packages and this project into it ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
	  --constraint constraints.txt --editable '.[dev]'
	@touch $@
	@echo "Installed."

# Absolute, so that `dagster dev` sees the same instance as `har`, from any directory.
.env: | $(STAMP)
	@echo "3/3 Preparing $(CURDIR) as a home: Dagster's store, and .env ..."
	@HAR_HOME="$(CURDIR)" $(BIN)/python -m pipelines.stores
	@printf 'HAR_HOME=%s\nDAGSTER_HOME=%s\n' "$(CURDIR)" "$(CURDIR)/.dagster" > $@
	@echo "Ready. $(BIN)/har is the command; \`source $(BIN)/activate\` puts it on the path."
