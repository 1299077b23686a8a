# Everything lives in .venv/ and .synth/ of this folder; nothing else on the machine is touched.
.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-audit test-airflow test-nemo lint docs up down airflow airflow-down kaggle bench bench-engine clean

# The first Python that is new enough.
PYTHON ?= $(firstword $(foreach python,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	command -v $(python) >/dev/null && $(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $(python))))
BIN := .venv/bin
# A worker has services of its own; tests of one file share what takes long to build, so they stay together.
# Files go out in their order: the small ones of tests/unit come last, so that all workers end together.
# One worker more than there are processors, because each waits for its services for a third of the time.
WORKERS = $(shell $(PYTHON) -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
PYTEST = $(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

help:  ## Show this.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found."; exit 1; }
	@echo "Making .venv with $(PYTHON); the first time takes a minute."
	@$(PYTHON) -m venv .venv

.venv/demo.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@$(PIP) --editable '.[dbt,embedded,gretel,dp]'
	@touch $@

.venv/dev.stamp: .venv/demo.stamp
	@$(PIP) --editable '.[dbt,embedded,gretel,dp,dev]'
	@touch $@

# Airflow and dbt do not share an environment: Airflow calls dbt and synth in theirs.
.venv-airflow/stamp: pyproject.toml examples/airflow/constraints.txt examples/airflow/requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found."; exit 1; }
	@echo "Making .venv-airflow with $(PYTHON); the first time takes two minutes."
	@$(PYTHON) -m venv .venv-airflow
	@.venv-airflow/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[airflow]' \
		--requirement examples/airflow/requirements.txt --constraint examples/airflow/constraints.txt
	@touch $@

# NeMo's API server wants Python 3.12, and packages that do not go with ours.
PYTHON312 ?= $(firstword $(foreach python,python3.12 $(wildcard $(HOME)/.pyenv/versions/3.12*/bin/python3.12),$(shell \
	$(python) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null && echo $(python))))
.venv-nemo/stamp: tests/nemo/constraints.txt tests/nemo/requirements.txt
	@test -n "$(PYTHON312)" || { echo "NeMo's server needs Python 3.12, and none was found. Next: make test-nemo \
	PYTHON312=/path/to/python3.12"; exit 1; }
	@echo "Making .venv-nemo with $(PYTHON312); the first time takes some minutes."
	@$(PYTHON312) -m venv .venv-nemo
	@.venv-nemo/bin/python -m pip --disable-pip-version-check install --quiet \
		--requirement tests/nemo/requirements.txt --constraint tests/nemo/constraints.txt
	@touch $@

demo: .venv/demo.stamp  ## Run the whole job from nothing and look at the twin; BACKEND=gretel or nemo: by a stand-in
	@$(BIN)/$(if $(BACKEND),python -m tests.doubles.demo $(BACKEND),synth demo)

test: .venv/dev.stamp  ## Run the tests, against real services.
	@$(PYTEST) -m "not slow and not nemo and not audit"

test-all: .venv/dev.stamp  ## Run the slow tests, too.
	@$(PYTEST) -m "not nemo and not audit"

test-audit: .venv/dev.stamp  ## Try to prove the differential privacy guarantee wrong, by 300 fits a canary.
	@$(PYTEST) -m audit

test-airflow: .venv/demo.stamp .venv-airflow/stamp  ## Run the tests of operators and example DAGs, in Airflow.
	@.venv-airflow/bin/python -m pytest -q -c tests/airflow/pytest.ini --confcutdir tests/airflow tests/airflow

test-nemo: .venv/dev.stamp .venv-nemo/stamp  ## Run the tests against NeMo's own API server (needs Python 3.12).
	@$(BIN)/python -m pytest -q -m nemo tests/nemo

lint: .venv/dev.stamp  ## Check style and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: .venv/dev.stamp  ## Build the documentation in target/docs; a warning is an error.
	@$(BIN)/python -m docs.option_tables
	@$(BIN)/sphinx-build -q -W --keep-going docs target/docs
	@echo "Open target/docs/index.html"

up: .venv/demo.stamp  ## Start the embedded Postgres and object store.
	@$(BIN)/synth up
	@test -e profiles.yml || cp profiles.yml.example profiles.yml

down:  ## Stop them; their data stay in .synth/.
	@test ! -e $(BIN)/synth || $(BIN)/synth down

airflow: .venv/demo.stamp .venv-airflow/stamp  ## Start Airflow with the example DAGs on the embedded services.
	@$(BIN)/python examples/airflow/stack.py up

airflow-down:  ## Stop Airflow and the services.
	@test ! -e $(BIN)/synth || $(BIN)/python examples/airflow/stack.py down

kaggle: up  ## Load the real files: make kaggle USERS=train_users_2.csv SESSIONS=sessions.csv
	@test -n "$(USERS)" -a -n "$(SESSIONS)" || { echo "Next: make kaggle USERS=… SESSIONS=…"; exit 2; }
	@eval "$$($(BIN)/synth env)" && $(BIN)/python seeds/load_kaggle.py --users "$(USERS)" --sessions "$(SESSIONS)"

bench: .venv/demo.stamp  ## Measure the engine's growth, transport and fidelity; each prints a table.
	@$(BIN)/python -m benchmarks.growth
	@$(BIN)/python -m benchmarks.transport
	@$(BIN)/python -m benchmarks.fidelity

bench-engine: .venv/demo.stamp  ## Our engine beside others: make bench-engine ARGS="--quick"; takes hours, see ARGS=--help
	@$(BIN)/python -m benchmarks.engine $(ARGS)

clean: airflow-down  ## Stop the services and remove everything made here.
	@rm -rf .venv .venv-airflow .venv-nemo .venv-peers .synth target logs profiles.yml
