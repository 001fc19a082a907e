# Every target makes its own environment in .venv first; nothing else has to be installed but Python 3.10 to 3.13.
PYTHON ?= python3
RUN_DIR ?= runs/demo
TARGET ?= torch
SECONDS ?= 600
# Where TensorBoard and the site listen: on this machine only, since they ask nobody who they are.
HOST ?= 127.0.0.1

# CUDA's libraries come where the driver answers. tensorflow-cpu is the same TensorFlow at half the size, for x86-64 only.
TENSORFLOW ?= $(shell if nvidia-smi -L >/dev/null 2>&1; then echo 'tensorflow[and-cuda]'; \
	elif [ "`uname -sm`" = 'Linux x86_64' ]; then echo tensorflow-cpu; else echo tensorflow; fi)

# The packages that these need are in .venv, the project's own are imported from this folder.
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
INSTALLED_DOCS := .venv/.installed-docs
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=25

.PHONY: help demo web-demo test test-all lint web-lint format docs docs-serve tensorboard stress hostile engine bioimage torch audit fuzz clean

help:
	@echo "make demo         draw a small data set, train on it for some minutes, show the result"
	@echo "make web-demo     show the network of make demo as a page to draw on, at http://$(HOST):8080"
	@echo "make test         the tests of the science and of every command; a few minutes"
	@echo "make test-all     all tests"
	@echo "make lint         ruff (rules and format), import-linter (layers) and mypy (types)"
	@echo "make web-lint     biome on the page's JavaScript and CSS; part of make lint"
	@echo "make format       fix what ruff can fix"
	@echo "make docs         build the site from docs/ into site/, its links checked"
	@echo "make docs-serve   show the site at http://$(HOST):8000"
	@echo "make tensorboard  watch RUN_DIR=$(RUN_DIR) at http://$(HOST):6006"
	@echo "make stress       cause faults in real trainings, many times each; prints a table"
	@echo "make hostile      360 spoiled inputs through every command; prints a table"
	@echo "make fuzz         TARGET=torch for SECONDS=600; targets are tests/fuzz/fuzz_*.py"
	@echo "make engine       serve MODEL=models/NAME/1 by MLServer, compare on IMAGES=FOLDER"
	@echo "make bioimage     let the BioImage Model Zoo's own program test packages of export.bioimage"
	@echo "make torch        let torch itself load files of export.torch, and read its own"
	@echo "make audit        look up known vulnerabilities of the packages in .venv"
	@echo "make clean        remove the environments"

demo: $(INSTALLED)
	$(BIN)/python -m tfpix2pix.train --flagfile=demo --run_dir=$(RUN_DIR)

# A run that is there is taken as it is.
web-demo: $(INSTALLED_DEV)
	test -e $(RUN_DIR)/config.json || $(BIN)/python -m tfpix2pix.train --flagfile=demo --run_dir=$(RUN_DIR)
	$(BIN)/python -m export.web --run_dir=$(RUN_DIR) --title='labels to houses' --output=web --serve

test: $(INSTALLED_DEV)
	$(PYTEST) -m "not slow"

test-all: $(INSTALLED_DEV)
	$(PYTEST)

lint: web-lint $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

# Node's packages check the page, and drive the browser in its tests; who has no npm can do without.
web-lint:
	@if ! command -v npm >/dev/null; then echo "make web-lint: npm is not installed, so the page was not checked"; \
	elif ! $(MAKE) --no-print-directory node_modules/.package-lock.json; then \
		echo "make web-lint: npm ci failed, so the page was not checked"; \
	else npx biome ci; fi

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	touch $@

format: $(INSTALLED_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if [ -d node_modules ]; then npx biome check --write; fi

docs: $(INSTALLED_DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(INSTALLED_DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict --dev-addr $(HOST):8000

tensorboard: $(INSTALLED)
	$(BIN)/python -m tensorboard.main --logdir=$(RUN_DIR) --host=$(HOST) --samples_per_plugin=images=1000

stress: $(INSTALLED_DEV)
	$(BIN)/python -m tests.journeys.stress

hostile: $(INSTALLED_DEV)
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m tests.hostile.check

engine: .venv-engine/.installed
	.venv-engine/bin/python -m tests.engine.check $(MODEL) $(IMAGES)

bioimage: $(INSTALLED_DEV) .venv-bioimage/.installed
	$(BIN)/python -m pytest tests/export/zoo

torch: $(INSTALLED_DEV) .venv-torch/.installed
	$(BIN)/python -m pytest tests/export/test_torch.py

audit: $(INSTALLED_DEV) .venv-audit/.installed
	.venv-audit/bin/python .ci/audit.py .venv

# The input of a find is left here, as crash-*, timeout-* or oom-*.
fuzz: .venv-fuzz/.installed
	.venv-fuzz/bin/python -m tests.fuzz.harness $(TARGET) --seconds=$(SECONDS)

clean:
	rm -rf .venv .venv-* node_modules site

$(INSTALLED): pyproject.toml constraints.txt .ci/requirements.py
	$(PYTHON) -c 'import sys; (3, 10) <= sys.version_info < (3, 14) or sys.exit(f"Python {sys.version.split()[0]}: TensorFlow 2.21 needs 3.10 to 3.13; make ... PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python .ci/requirements.py '$(TENSORFLOW)' serving > .venv/requirements.txt
	$(PIP) --requirement .venv/requirements.txt
	$(PIP) --no-deps tensorflow-serving-api
	touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(BIN)/python .ci/requirements.py '$(TENSORFLOW)' dev export serve beam video zarr docs > .venv/requirements-dev.txt
	$(PIP) --requirement .venv/requirements-dev.txt
	touch $@

$(INSTALLED_DOCS): $(INSTALLED)
	$(BIN)/python .ci/requirements.py '$(TENSORFLOW)' docs > .venv/requirements-docs.txt
	$(PIP) --requirement .venv/requirements-docs.txt
	touch $@

.venv-fuzz/.installed: pyproject.toml constraints.txt .ci/requirements.py
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python .ci/requirements.py tensorflow-cpu > .venv-fuzz/requirements.txt
	.venv-fuzz/bin/python .ci/requirements.py --group fuzz >> .venv-fuzz/requirements.txt
	.venv-fuzz/bin/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt \
		--requirement .venv-fuzz/requirements.txt
	touch $@

# Without the constraints: these need other versions, or none of what is pinned.
.venv-%/.installed: pyproject.toml .ci/requirements.py
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python .ci/requirements.py --group $* > .venv-$*/requirements.txt
	.venv-$*/bin/python -m pip install --disable-pip-version-check --quiet --requirement .venv-$*/requirements.txt
	touch $@
