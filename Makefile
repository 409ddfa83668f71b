# Everything a newcomer needs: make quickstart, make test. Everything a developer needs: make check.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
VIEW = build/types/opencodeinstruct
SOURCES = opencodeinstruct.py builder dataset_card tools tests benchmarks

.PHONY: quickstart preview test test-matrix test-vllm check format lint types docs clean

quickstart: $(VENV)/.installed
	$(BIN)/opencodeinstruct run examples/quickstart.yaml --show-rows

preview: $(VENV)/.installed
	$(BIN)/opencodeinstruct preview examples/quickstart.yaml --rows 3

test: $(VENV)/.dev
	$(BIN)/python -m pytest

# With datasets 3.6, 4.0 and 5.2, each in an environment of its own.
test-matrix: $(VENV)/.dev
	bash tests/matrix.sh $(BIN)/python

# A small recipe on a real vLLM, served and in process; the first run installs some GB.
test-vllm:
	bash tests/vllm.sh

check: format lint types test

format: $(VENV)/.dev
	$(BIN)/ruff format --check $(SOURCES)

lint: $(VENV)/.dev
	$(BIN)/ruff check $(SOURCES)

# The subpackages lie beside the module opencodeinstruct.py; mypy is shown the layout of a wheel.
types: $(VENV)/.dev
	rm -rf build/types && mkdir -p $(VIEW)
	ln -s ../../../opencodeinstruct.py $(VIEW)/__init__.py
	for part in builder dataset_card tools; do ln -s ../../../$$part $(VIEW)/$$part; done
	MYPYPATH=build/types $(BIN)/mypy build/types/opencodeinstruct tests benchmarks

docs: $(VENV)/.dev
	$(BIN)/python -m opencodeinstruct.tools.reference docs

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11. Run: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

clean:
	rm -rf build dist $(VENV) .mypy_cache .pytest_cache .ruff_cache
