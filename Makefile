# Every target needs only `make` and a Python 3.11 or newer; .venv makes itself on first use.
SHELL := /bin/sh
PYTHON3 := $(shell command -v python3 || command -v python3.13 || command -v python3.12 || command -v python3.11)
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint types bench chaos clean

help: ## show this list
	@printf '\n  \033[1mHoldfast\033[0m  background jobs in the database you already have\n\n'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  \033[36mmake %-7s\033[0m %s\n", $$1, $$2 }' Makefile
	@printf '\n'

venv: ## make .venv with everything in it (milliseconds when it is there)
	@test -n "$(PYTHON3)" || { echo "make venv: no python3 on PATH; Holdfast needs Python 3.11 or newer"; exit 1; }
	@"$(PYTHON3)" tools/venv.py

demo: venv ## run the demo: crash workers, lose nothing
	@$(PY) examples/index_stdlib/demo.py --report var/demo/report.md

test: venv ## lint, types and all tests, with the time each part took
	@$(PY) tools/ci.py

lint: venv ## style and the import rule
	@$(PY) tools/ci.py lint imports

types: venv ## pyright and mypy, both strict, and ty
	@$(PY) tools/ci.py pyright mypy ty

bench: venv ## measure this machine, other job queues beside (15 minutes)
	@$(PY) bench/run.py

chaos: venv ## the long fault runs: kill, stop and cut off workers and servers
	@HOLDFAST_CHAOS=1 $(PY) -m pytest tests/faults -m chaos

clean: ## remove .venv and all caches
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests tools bench examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
