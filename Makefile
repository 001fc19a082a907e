# Every target makes its own environment in .venv first; nothing else has to be installed but Python 3.10 to 3.13.
PYTHON ?= python3
RUN_DIR ?= runs/demo
TARGET ?= torch
SECONDS ?= 600
# Where TensorBoard listens: on this machine only, since it asks nobody who they are.
HOST ?= 127.0.0.1

# The GPU set where the driver answers, the CPU set elsewhere; make ... REQUIREMENTS=requirements.txt to force one.
REQUIREMENTS ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo requirements.txt || echo requirements-cpu.txt)

INSTALLED := .venv/.installed-$(REQUIREMENTS)
INSTALLED_DEV := .venv/.installed-dev-$(REQUIREMENTS)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.PHONY: help demo test stress hostile lint format tensorboard engine audit fuzz clean

help:
	@echo "make demo         draw a small data set, train on it for some minutes, show the result"
	@echo "make test         all tests"
	@echo "make stress       faults done to real trainings, many times each, with a table of figures"
	@echo "make lint         ruff: lint and format"
	@echo "make tensorboard  watch RUN_DIR=$(RUN_DIR) at http://$(HOST):6006"
	@echo "make engine       serve MODEL=models/NAME/1 by MLServer, compare on IMAGES=FOLDER"
	@echo "make audit        known vulnerabilities in what .venv has"
	@echo "make fuzz         TARGET=torch for SECONDS=600; targets are tests/fuzz/fuzz_*.py"
	@echo "make hostile      300 spoiled inputs through every command, and a table of what became of them"
	@echo "make format       mend what ruff can mend"
	@echo "make clean        remove the environments"

demo: $(INSTALLED)
	$(BIN)/python -m tfpix2pix.train --flagfile=tfpix2pix/flagfiles/demo.flags --run_dir=$(RUN_DIR)

test: $(INSTALLED_DEV)
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=25

stress: $(INSTALLED_DEV)
	$(BIN)/python -m tests.journeys.stress

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tensorboard: $(INSTALLED)
	$(BIN)/python -m tensorboard.main --logdir=$(RUN_DIR)/tensorboard --host=$(HOST)

hostile: $(INSTALLED_DEV)
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m tests.hostile.check

engine: .venv-engine/.installed
	.venv-engine/bin/python -m tests.engine.check $(MODEL) $(IMAGES)

audit: $(INSTALLED_DEV) .venv-audit/.installed
	.venv-audit/bin/python .ci/audit.py .venv

# The input of a find is left here, as crash-*, timeout-* or oom-*.
fuzz: .venv-fuzz/.installed
	.venv-fuzz/bin/python -m tests.fuzz.harness $(TARGET) --seconds=$(SECONDS)

clean:
	rm -rf .venv .venv-*

.venv-engine/.installed: requirements-engine.txt
	$(PYTHON) -m venv .venv-engine
	.venv-engine/bin/python -m pip install --disable-pip-version-check --quiet --requirement requirements-engine.txt
	touch $@

.venv-audit/.installed: requirements-audit.txt
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --disable-pip-version-check --quiet --requirement requirements-audit.txt
	touch $@

.venv-fuzz/.installed: constraints.txt requirements-cpu.txt requirements-common.txt requirements-fuzz.txt
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --disable-pip-version-check --quiet \
		--requirement requirements-cpu.txt --requirement requirements-fuzz.txt
	touch $@

$(INSTALLED): $(REQUIREMENTS) constraints.txt requirements-common.txt requirements-serving.txt
	$(PYTHON) -c 'import sys; (3, 10) <= sys.version_info < (3, 14) or sys.exit(f"Python {sys.version.split()[0]}: TensorFlow 2.21 needs 3.10 to 3.13; make ... PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) --requirement $(REQUIREMENTS)
	$(PIP) --no-deps --requirement requirements-serving.txt
	touch $@

$(INSTALLED_DEV): $(INSTALLED) requirements-dev.txt requirements-export.txt requirements-beam.txt
	$(PIP) --requirement requirements-dev.txt --requirement requirements-export.txt --requirement requirements-beam.txt
	touch $@
