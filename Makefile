# make demo · make test · make check · make bench: each sets up what it needs in .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
DEMO ?= driftloop-demo
# One thread for each BLAS: the tests and the kernel bring their own threads.
export OMP_NUM_THREADS ?= 1
export DO_NOT_TRACK := 1

.PHONY: help demo test faults check bench format lock clean
help:
	@echo "make demo    run driftloop on real data; prints what to open"
	@echo "make test    run the whole test suite"
	@echo "make faults  kill -9 and failing disks at every point (an hour)"
	@echo "make check   ruff, mypy, import-linter, bandit, pip-audit"
	@echo "make bench   the benchmarks (minutes)"
	@echo "make lock    resolve the dependencies anew (needs uv)"

$(VENV)/bin/python:
ifneq ($(UV),)
	$(UV) venv --quiet --python ">=3.11" $(VENV)
else
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "driftloop needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
endif

# $(call install,LOCK): the locked distributions by hash, then driftloop itself, editable.
ifneq ($(UV),)
install = $(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --no-deps --require-hashes -r $(1) && \
	  $(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
else
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
endif

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run
	$(BIN)/driftloop demo $(DEMO)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto $(TESTS)

# All kills and all failing system calls, not a sample of them (an hour or more).
faults: $(VENV)/.dev
	DRIFTLOOP_FAULTS=all $(BIN)/python -m pytest -q tests/faults tests/store/test_crash.py tests/store/test_many_writers.py

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml -r monitor reports
	$(BIN)/python -m scripts.audit requirements.lock

bench: $(VENV)/.dev
	$(BIN)/python -m bench.first
	$(BIN)/python -m bench.speed --quick
	$(BIN)/python -m bench.alarms --quick
	$(BIN)/python -m bench.relabel --quick
	$(BIN)/python -m bench.crowd

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:
	$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url pyproject.toml --all-extras --group dev -o requirements-dev.lock
	$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url pyproject.toml -c requirements-dev.lock -o requirements.lock

clean:
	rm -rf $(VENV) driftloop-demo build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
