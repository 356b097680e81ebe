# Needs Python 3.11 or newer and make. `make demo` and `make test` set up everything else.
#
#   make demo [IMAGE=photo.png]   denoise an image (a built-in one by default), see demo-output/
#   make test [ARGS="-k name"]    the whole suite, with branch coverage
#   make test ARGS=... COV=       part of the suite: no coverage, so no coverage gate
#   make lint                     ruff, mypy, pyright and codespell
#   make docs                     the site, in docs/_build/html; warnings are errors
#   make docs-test                the site in a browser without a window
#   make test-lowest              the suite with the oldest supported versions (Python 3.11)
#   make clean | distclean        remove what was produced | and the environments too

PYTHON ?= python3
VENV ?= .venv
VENV_LOWEST ?= .venv-lowest
IMAGE ?=
ARGS ?=
WORKERS ?= 2
COV ?= --cov --cov-report=term-missing:skip-covered

BIN = $(VENV)/bin
DEMO_READY = $(VENV)/.demo-ready
TEST_READY = $(VENV)/.test-ready
DOCS_READY = $(VENV)/.docs-ready
LOWEST_READY = $(VENV_LOWEST)/.test-ready

# One thread per worker: the numerical libraries would otherwise each take every core, and numba would
# make torch do so, too, whose threads then wait for each other.
ONE_THREAD = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1
PYTEST = $(ONE_THREAD) MPLBACKEND=Agg

# $(call install,environment,constraints,extras)
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "selfsupervised needs Python 3.11 or newer; got %s. Name another: make PYTHON=python3.12" % sys.version.split()[0])'
	@test -x $(1)/bin/pip || { echo "Creating $(1)"; $(PYTHON) -m venv $(1); }
	@echo "Installing selfsupervised[$(3)] into $(1)"
	@$(1)/bin/python -m pip install -qq --disable-pip-version-check --constraint $(2) --editable ".[$(3)]"
endef

FOR_TESTS = test$(comma)cli$(comma)plots$(comma)networks$(comma)lazy$(comma)singlecell$(comma)notebook$(comma)examples

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest lint docs docs-test clean distclean

help:
	@sed -n 's/^#   //p' Makefile

$(DEMO_READY): pyproject.toml constraints.txt
	$(call install,$(VENV),constraints.txt,cli)
	@touch $@

# What the tests need includes what the demo needs.
$(TEST_READY): pyproject.toml constraints.txt
	$(call install,$(VENV),constraints.txt,$(FOR_TESTS))
	@touch $(DEMO_READY) $@

# The gallery runs what the tests run.
$(DOCS_READY): pyproject.toml constraints.txt
	$(call install,$(VENV),constraints.txt,$(FOR_TESTS)$(comma)docs)
	@touch $(DEMO_READY) $(TEST_READY) $@

$(LOWEST_READY): pyproject.toml constraints-lowest.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "The oldest supported versions are pinned for Python 3.11; got %s. Name one: make test-lowest PYTHON=python3.11" % sys.version.split()[0])'
	$(call install,$(VENV_LOWEST),constraints-lowest.txt,test$(comma)cli$(comma)plots)
	@touch $@

comma := ,

demo: $(DEMO_READY)
	@$(BIN)/python -m selfsupervised demo $(if $(IMAGE),--image "$(IMAGE)")

test: $(TEST_READY)
	@$(PYTEST) $(BIN)/python -m pytest -n $(WORKERS) $(COV) $(ARGS)

# Naming tests/ leaves out the doctests: older versions print some values differently.
test-lowest: $(LOWEST_READY)
	@$(PYTEST) $(VENV_LOWEST)/bin/python -m pytest -n $(WORKERS) $(or $(ARGS),tests)

lint: $(TEST_READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/codespell

docs: $(DOCS_READY)
	@$(ONE_THREAD) MPLBACKEND=Agg $(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "The site is in docs/_build/html; open index.html."

docs-test: docs
	@$(PYTEST) $(BIN)/python -m pytest $(or $(ARGS),docs/test_site.py)

clean:
	@rm -rf build dist demo-output htmlcov .coverage .coverage.* coverage.xml \
	    .pytest_cache .mypy_cache .ruff_cache docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst \
	    docs/contribute/house.svg
	@find . -path './.venv*' -prune -o -path ./.git -prune -o \
	    -type d \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +

distclean: clean
	@rm -rf "$(VENV)" "$(VENV_LOWEST)"
