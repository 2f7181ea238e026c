# `make demo` and `make test` need Python 3.11 or newer and make, nothing else. Everything is installed into .venv, once:
# the stamp files say what is there already.

PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.base-installed
DEV := $(VENV)/.dev-installed
SHARED := -n $(WORKERS) --dist worksteal
PIP := -m pip --disable-pip-version-check --quiet install --constraint constraints.txt

BENCH_VENV := .venv-bench
BENCH := $(BENCH_VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo installed test test-bounds test-thorough checks faults refutations coverage-intervals lint format certify bench readme clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(INSTALLED)  ## the main job: TER and SER of the preset HMM against steps, as a table and a figure
	$(BIN)/mdmtheory sweep --lang hmm --steps 64..2048

installed: $(DEV)  ## what tests and lint need, installed

test: $(DEV)  ## all tests
	$(BIN)/pytest $(SHARED)

# What is compiled when, where it is kept and for which processor is the same with checked indices, and dear.
HOW_COMPILED := $(patsubst %,tests/kernels/test_%.py,processors compiling kernel_cache)

test-bounds: $(DEV)  ## the kernels once more, with every array index checked
	NUMBA_BOUNDSCHECK=1 $(BIN)/pytest $(SHARED) $(HOW_COMPILED:%=--ignore %) $(wildcard tests/kernels) tests/languages tests/oracles

test-thorough: $(DEV)  ## all tests, with many more random examples
	$(BIN)/pytest $(SHARED) --hypothesis-profile=thorough

checks: $(DEV)  ## every theorem against many random instances, thousands of command lines, the papers' numbers; writes paper_checks/README.md
	$(BIN)/pytest $(SHARED) --hypothesis-profile=checks tests/theory
	MDMTHEORY_FUZZ=3000 MDMTHEORY_FUZZ_SEED=$$(date +%s) $(BIN)/pytest tests/cli/test_fuzz.py
	$(BIN)/python docs/statements.py
	$(BIN)/python -m paper_checks

faults: $(DEV)  ## kills, failing disks, power cuts, limits, damage, in full; writes the table of docs/reliability.md; 15 minutes
	$(BIN)/python -m tests.faults --workers $(WORKERS)

refutations: $(DEV)  ## BASE=COMMIT: the tests of mended faults against that commit's package, where they must fail, and this one
	$(BIN)/python tests/refutations.py $(BASE) --workers $(WORKERS)

coverage-intervals: $(DEV)  ## how often every interval holds, how wide it is, when it is withheld; writes docs/intervals.md; 20 minutes
	$(BIN)/python docs/intervals.py --workers $(WORKERS)

certify: $(INSTALLED)  ## everything built in against what it promises; a minute
	$(BIN)/mdmtheory certify --all

lint: $(DEV)  ## ruff, mypy and the layer rule
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)  ## put imports and layout right
	$(BIN)/ruff check --fix --select I,F401
	$(BIN)/ruff format

bench: $(BENCH)  ## speed against hmmlearn and dynamax, and the growth of cost; writes benchmarks/README.md
	$(BENCH_VENV)/bin/python -m benchmarks

readme: $(INSTALLED)  ## the main job and the tasks once more; writes what they print and draw into README.md and docs/
	$(BIN)/python docs/readme.py
	$(BIN)/python docs/loss_profile.py
	$(BIN)/python docs/pages.py docs/tasks.md 'docs/plugins.md#A budget of steps, well spent'

clean:  ## remove what was installed and built; results stay
	rm -rf $(VENV) $(BENCH_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "mdmtheory needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python $(PIP) --editable .
	@touch $@

$(DEV): $(INSTALLED)
	$(BIN)/python $(PIP) --editable '.[dev]'
	@touch $@

$(BENCH): pyproject.toml benchmarks/requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --requirement benchmarks/requirements.txt --editable '.[neural]'
	@touch $@
