# From a fresh clone: `make demo` or `make test`. Everything is installed into .venv; nothing outside this directory changes.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The first interpreter that is new enough, not newer than the wheels, and can make a virtual environment.
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	"$$python" -c '$(SUITS)' >/dev/null 2>&1 && { echo "$$python"; break; }; done)
endif

# With a ROS 2 installation sourced, its rclpy is used and no ROS wheel is installed. The environment itself is asked: it
# sees the rclpy of a sourced installation, but not that of another environment that happens to be active.
OUTSIDE := import rclpy, sys; sys.exit(rclpy.__file__.startswith(sys.prefix))
ROS = $(shell "$(BIN)/python" -c '$(OUTSIDE)' >/dev/null 2>&1 || echo ros,)

.PHONY: help demo test lint clean
.DEFAULT_GOAL := help

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

demo: $(STAMP)-demo ## insert 20 plugs on a simulated arm over ROS 2, and one past an obstacle by composed skills; reports/
	$(BIN)/maxent-robot demo
	$(BIN)/maxent-robot demo --graph composed --trials 1

test: $(STAMP)-test ## install PyTorch too, check the code and run the test suite
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest

lint: $(STAMP)-test ## check style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## remove the virtual environment, caches and build products
	rm -rf $(VENV) build dist install log *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP)-demo: setup.py setup.cfg | $(BIN)/python
	@echo "Installing what the demo needs into $(VENV) (about 600 MB, minutes when nothing is cached) ..."
	$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[$(ROS)sim,report]'
	@touch $@

$(STAMP)-test: setup.py setup.cfg | $(BIN)/python
	@echo "Installing what the tests need into $(VENV), PyTorch included (minutes when nothing is cached) ..."
	$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[$(ROS)sim,report,console,train,dev]'
	@touch $@ $(STAMP)-demo

$(BIN)/python:
	@"$(PYTHON)" -c '$(SUITS)' >/dev/null 2>&1 || { echo "$(or $(PYTHON),No interpreter found) is not a Python from" \
		"3.10 to 3.13 that can make a virtual environment. On Debian or Ubuntu: apt install python3 python3-venv." \
		"Or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
