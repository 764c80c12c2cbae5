# `make demo` and `make test` need only Python 3.11 or newer; both install what they use into .venv, once.
# TensorFlow is large: `make test-keras` has an environment of its own, .venv-keras.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KERAS_VENV := .venv-keras
KERAS_BIN := $(KERAS_VENV)/bin
DIST_VENV := .venv-dist
DIST_BIN := $(DIST_VENV)/bin
SEED ?= 1
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-keras quick shuffled coverage lint format figures docs dist clean

help: ## show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing cotrain into $(VENV) (once; about two minutes) ..."
	$(PIP_INSTALL) -e '.[demo,report]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing cotrain and its development tools into $(VENV) (once; about three minutes) ..."
	$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.demo

$(KERAS_VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing cotrain with Keras and TensorFlow into $(KERAS_VENV) (once; about three minutes) ..."
	test -x $(KERAS_BIN)/python || $(PYTHON) -m venv $(KERAS_VENV)
	$(KERAS_BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[keras]' pytest pytest-xdist
	@touch $@

demo: $(VENV)/.demo ## train six half-empty targets of the film table together, once, and print how they fare
	$(BIN)/cotrain demo --output demo --overwrite

test: lint ## ruff, ty, import-linter, then every test and doctest
	$(BIN)/pytest -n 2 --dist worksteal

test-keras: $(KERAS_VENV)/.installed ## the tests of cotrain.keras, in an environment of their own
	$(KERAS_BIN)/pytest -n 2 --dist worksteal -W 'ignore:__array__ implementation:DeprecationWarning' \
		src/cotrain/keras tests/unit/keras tests/contracts/keras

quick: $(VENV)/.dev ## the tests without the slow ones
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

shuffled: $(VENV)/.dev ## every test twice, in two random orders (SEED=1 names them)
	$(BIN)/pytest -n 2 --dist worksteal --shuffle $(SEED)
	$(BIN)/pytest -n 2 --dist worksteal --shuffle $(SEED)0

coverage: $(VENV)/.dev ## the tests without the slow ones, and which lines they leave out
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" --cov --cov-report=term

lint: $(VENV)/.dev ## ruff, ty and import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/ty check --error-on-warning
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev ## format the code, and write the reference pages of the balancing methods
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/python docs/build_reference.py

figures: $(VENV)/.dev ## how large the code is to one who reads it
	$(BIN)/python benchmarks/figures.py

docs: $(VENV)/.dev ## build the documentation into site/, links checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html in a browser."

$(DIST_VENV)/.installed: constraints.txt
	test -x $(DIST_BIN)/python || $(PYTHON) -m venv $(DIST_VENV)
	$(DIST_BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt build hatchling twine
	@touch $@

dist: $(DIST_VENV)/.installed ## build wheel and source archive into dist/, and check what an index will show
	rm -rf dist
	$(DIST_BIN)/python -m build --no-isolation
	$(DIST_BIN)/twine check --strict dist/*

clean: ## remove the environment and every build output
	rm -rf $(VENV) $(KERAS_VENV) $(DIST_VENV) build dist demo runs site .coverage .pytest_cache .ruff_cache .hypothesis
