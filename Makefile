# What you can do here; each line calls tools/. Needs Python 3.11 or newer and make, nothing else.
.DEFAULT_GOAL := help
.PHONY: help demo up down simulators test sweeps crash soak check fmt bench build clean
PYTHON ?= python3
SEEDS ?= 2000

help: ## this list
	@sed -n 's/^\([a-z]*\): ## /\1\t/p' Makefile | expand -t 12
demo: ## start everything and make a product photo
	@$(PYTHON) tools/local.py up && .venv/bin/python tools/demo.py
up: ## start packshot on this machine; prints its address and a key
	@$(PYTHON) tools/local.py up
down: ## stop it
	@$(PYTHON) tools/local.py down
simulators: ## the simulated providers alone, on 127.0.0.1:8600, until interrupted
	@$(PYTHON) tools/bootstrap.py && .venv/bin/python -m simulators
test: ## the tests, the last ones against a deployed stack
	@tools/test.sh
sweeps: ## the longest tests: every fault of every provider, every order of three, bad servers, a crowd, an outage
	@tools/test.sh sweeps
crash: ## every call of a job's life goes wrong, every order of two handlers, and bugs put in on purpose
	@tools/crash.sh
soak: ## the same for longer: several faults at once from SEEDS=2000 seeds, more orders, a ledger of 3,000 steps
	@tools/crash.sh soak $(SEEDS)
check: ## formatting, types, import rules, the template
	@tools/check.sh
fmt: ## format and fix
	@$(PYTHON) tools/bootstrap.py project && .venv/bin/ruff check -q --fix-only . && .venv/bin/ruff format .
bench: ## the project's own benchmarks
	@$(PYTHON) tools/bootstrap.py && .venv/bin/python -m bench
build: ## build for the cloud (python3.13 on arm64): then sam deploy
	@$(PYTHON) tools/bootstrap.py sam && SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam build
clean: ## remove what was built and installed here
	@$(PYTHON) tools/local.py down && rm -rf .venv .tools .aws-sam out .*_cache .hypothesis
