# Two commands matter: `make run` brings up the portal, `make test` checks everything.
#
#   make run [PORT=8000] [DATA=var] [PYTHON=/usr/bin/python3.11]

PYTHON ?= $(shell command -v python3.11 || command -v python3)
IN_VENV := .venv/bin/python
JOBS ?= 2

# Byte code must be kept: compiling the numerical libraries in every process takes seconds.
unexport PYTHONDONTWRITEBYTECODE
ifdef PORT
export COUNTERSIGN_PORT := $(PORT)
endif
ifdef DATA
export COUNTERSIGN_DATA := $(DATA)
endif

.PHONY: help run test prepare-run prepare-test lint format types contracts checks \
	test-sqlite test-postgres bench soak screenshots locks

help:
	@echo "make run          start the portal with its story (PORT=, DATA=)"
	@echo "make test         install what tests need and run every check"
	@echo "make lint         ruff, types and import contracts"
	@echo "make format       let ruff rewrite the code"
	@echo "make bench        print times, memory and agreement: intake, pages, audits, SHAP, profiles, coverage"
	@echo "make soak         long runs: repeated kills, races, load"
	@echo "make screenshots  picture every page in light, dark and narrow"
	@echo "make locks        compile requirements/*.lock from pyproject.toml"

run: prepare-run
	@exec $(IN_VENV) manage.py serve --prepare --story

prepare-run:
	@"$(PYTHON)" tools/prepare.py run

prepare-test:
	@"$(PYTHON)" tools/prepare.py test

lint: prepare-test
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	@$(MAKE) --no-print-directory types contracts

types:
	$(IN_VENV) -m mypy

contracts:
	.venv/bin/lint-imports

format: prepare-test
	$(IN_VENV) -m ruff check --fix .
	$(IN_VENV) -m ruff format .

# The settings of a real site must pass Django's own checks; no database or secret of yours is used.
checks: export COUNTERSIGN_DATA := build/checks
checks: export COUNTERSIGN_ORIGIN := https://countersign.example.org
checks:
	$(IN_VENV) manage.py check --deploy --fail-level WARNING
	$(IN_VENV) manage.py makemigrations --check --dry-run

PYTEST := $(IN_VENV) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

test-sqlite:
	$(PYTEST)

test-postgres:
	$(IN_VENV) tools/servers.py -- $(PYTEST)

test: prepare-test
	@$(MAKE) --no-print-directory lint checks
	@echo "--- SQLite and the file queue"
	@$(MAKE) --no-print-directory test-sqlite
	@echo "--- PostgreSQL and Redis"
	@$(MAKE) --no-print-directory test-postgres

bench: prepare-test
	@set -e; for script in tests/bench/*.py; do echo "--- $$script"; $(IN_VENV) "$$script"; done

soak: prepare-test
	$(IN_VENV) -m pytest -m soak
	$(IN_VENV) tools/servers.py -- $(IN_VENV) -m pytest -m soak

# Of the portal that runs: start it first, with the same PORT= and DATA=.
screenshots: prepare-test
	$(IN_VENV) -m tests.stories.screenshots --base http://127.0.0.1:$(or $(COUNTERSIGN_PORT),8000)

# No index, header or path is written: the locks serve any mirror.
locks: prepare-test
	.venv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate pyproject.toml -o requirements/run.lock
	.venv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate pyproject.toml --extra test -c requirements/run.lock \
		-o requirements/test.lock
	.venv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate requirements/boot.in -o requirements/boot.lock
