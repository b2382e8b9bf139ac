PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test setup clean

setup: $(VENV)/installed

$(VENV)/installed: setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

demo: setup
	mkdir -p demo
	$(BIN)/grain-encode examples/*.jpg --max-bytes 300 -O demo/encoded --force
	$(BIN)/grain-decode demo/encoded/*.grain -O demo/decoded --force
	$(BIN)/python -m grain_codec.benchmarks.demo examples demo/encoded demo/decoded demo/contact-sheet.png

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

clean:
	rm -rf $(VENV) demo build dist *.egg-info
