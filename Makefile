# Every target installs what it needs first, and is quick when nothing changed.
PYTHON ?= python3
VENV ?= .venv
PARAMS ?= bundled
BIN := $(VENV)/bin
STAMP := $(VENV)/.articulens-setup
NOTEBOOKS := $(wildcard notebooks/*.py notebooks/*/*.py)
SOLUTIONS := $(wildcard notebooks/exercises/sol_*.py)
EXTRAS := book,synth,speaker,large,test,dev

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call timed,NAME,COMMAND): run the command, then say how long it took.
timed = @start=$$(date +%s); $(2) && echo "$(1): $$(( $$(date +%s) - start )) s"

.PHONY: help setup book test lint format bench pairs lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## install the package and its tools into $(VENV)

$(STAMP): pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call timed,setup,$(BIN)/python -m pip install --quiet -c requirements.lock -e '.[$(EXTRAS)]')
	@touch $@

book: setup  ## run the stale notebooks with notebooks/params/$(PARAMS).yaml, build the site
	$(call timed,make book,$(BIN)/articulens book --params $(PARAMS))

test: setup  ## run the whole test suite
	$(call timed,make test,OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile)

lint: setup  ## check style and types
	$(call timed,make lint,$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy)

format: setup  ## put the code into the agreed form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@$(MAKE) --no-print-directory pairs

bench: setup  ## measure beside what one would write otherwise
	@for benchmark in $(wildcard benchmarks/bench_*.py); do $(BIN)/python $$benchmark || exit 1; done

pairs: setup  ## write the exercise of each solution, and the .ipynb beside each notebook .py
	@$(BIN)/python -m articulens.publishing.exercises $(SOLUTIONS)
	@$(BIN)/python -m articulens.publishing.notebooks $(NOTEBOOKS)

lock:  ## resolve all dependencies anew into requirements.lock
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet -e '.[book,synth,speaker,scale,large,test,dev]'
	sed -n '/^#/p' requirements.lock > build/lock.txt
	build/lock/bin/python -m pip freeze --exclude-editable \
		| sed -E 's/^((cuda-|nvidia-|triton).*)$$/\1; sys_platform == "linux"/' >> build/lock.txt
	mv build/lock.txt requirements.lock

clean:  ## remove what was built; keep the environment
	rm -rf _build build cache $(filter-out %.json,$(wildcard book/executed/*)) .pytest_cache .mypy_cache .ruff_cache
