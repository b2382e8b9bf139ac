PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CPU_TORCH_INDEX := $(PYTHON) tools/cpu_torch_index.py
PIP_INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
INSTALLED_NAMES := sh tools/with_installed_names.sh

.DEFAULT_GOAL := help
.PHONY: help setup demo viewer test lint types format man clean

help: ## Prints this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/main ## Sets up what the main job needs and codes the example faces with it.
	mkdir -p demo
	$(BIN)/grain-encode examples/*.jpg --max-bytes 300 -O demo/encoded --force
	$(BIN)/grain-decode demo/encoded/*.grain -O demo/decoded --force
	$(BIN)/python -m grain_codec.benchmarks.demo examples demo/encoded demo/decoded demo/contact-sheet.png

viewer: $(VENV)/main ## Builds the viewer, a web page that shows faces, into viewer/dist; needs node.
	rm -rf viewer/dist
	$(BIN)/python tools/viewer_networks.py viewer/dist/networks
	npm --prefix viewer ci --ignore-scripts --no-audit --no-fund
	npm --prefix viewer run build

setup: $(VENV)/development ## Makes .venv with all that the other targets need.

test: setup ## Sets up and runs the tests.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup ## Checks style, format and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(INSTALLED_NAMES) $(BIN)/lint-imports --no-logo --no-cache $(CURDIR)/pyproject.toml

types: setup ## Checks the types.
	$(INSTALLED_NAMES) $(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache -p grain_codec

format: setup ## Formats the sources and mends what ruff can mend.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

man: setup ## Writes the manual pages anew from the help of the commands.
	$(BIN)/python tools/man_pages.py

clean: ## Removes what the other targets have made.
	rm -rf $(VENV) demo build dist viewer/dist viewer/node_modules *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Each file stands for one state of .venv, and is made again when the requirements change.
$(VENV)/main: setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) $$($(CPU_TORCH_INDEX)) --editable .
	touch $@

$(VENV)/development: $(VENV)/main
	$(PIP_INSTALL) $$($(CPU_TORCH_INDEX)) --editable ".[test,lint]"
	touch $@
