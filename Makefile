# make run: set up and run the pipeline; make test: set up and run all tests.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export TF_CPP_MIN_LOG_LEVEL ?= 3

# Tests in two processes: threads of one would wait for those of the other.
ONE_THREAD := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

.PHONY: run test bench setup lint lock clean
run: setup
	dvc repro
	@twin runs
	@cat docs/next.txt

test: setup
	ruff check .
	ruff format --check .
	mypy
	$(ONE_THREAD) pytest --numprocesses 2 --dist worksteal

bench: setup
	@for script in benchmarks/*.py; do echo "== $$script"; python $$script || exit 1; done

setup: $(VENV)/ready

# Versions are pinned as constraints: another machine may need other builds (CUDA) of the same versions.
$(VENV)/ready: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	pip install --disable-pip-version-check --quiet --upgrade pip
	pip install --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	touch $@

lint: setup
	ruff check --fix .
	ruff format .

# After a change of the dependencies in pyproject.toml: install what it asks for and pin that.
lock:
	rm -f $(VENV)/ready && $(PYTHON) -m venv --clear $(VENV)
	pip install --editable '.[dev]'
	pip freeze --exclude-editable | sed 's/+cpu$$//; s/+cu[0-9]*$$//' > requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
