# `make` prints the targets. What a target needs is fetched by deploy/bootstrap.sh, once; ARGS go to its command.

.DEFAULT_GOAL := help
.PHONY: help run test test-e2e check format bench load chaos servers screens clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## start the platform and the demo, stay up until Ctrl-C; ARGS=--exit stops after the summary
	@sh deploy/bootstrap.sh page
	@.venv/bin/auterity demo $(ARGS)

# Two sessions, a file at a time; one that dies ends the run. The tests start some two hundred processes of Python,
# which must not compile every module anew.
test: ## run every test; ARGS="-k word" goes to pytest, ARGS="-n 0" runs them in one process
	@sh deploy/bootstrap.sh tests
	@env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest \
		-n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(ARGS)

test-e2e: ## watch the page in a browser under 2,000 events a second, and for long (some 13 minutes); ARGS="--minutes 1" for a look
	@sh deploy/bootstrap.sh tests
	@.venv/bin/python -m pytest tests/dashboard/e2e.py -n 0 -s $(ARGS)

check: ## hold format, lint, types and the import rule
	@sh deploy/bootstrap.sh
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: ## write the code as `check` wants it
	@sh deploy/bootstrap.sh
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: ## measure against other stream processors (at most 25 minutes); ARGS="--quick" for a look
	@sh deploy/bootstrap.sh
	@.venv/bin/auterity bench $(ARGS)

load: ## measure the gateway under load, beside a bare FastAPI, and 2,000 who look on live (some 4 minutes)
	@sh deploy/bootstrap.sh
	@.venv/bin/python -m benchmarks.gateway_load
	@.venv/bin/python -m benchmarks.gateway_readers

chaos: ## kill, freeze and starve everything, and count (at most 40 minutes); ARGS="--full", "--only R9 --seed 7"
	@sh deploy/bootstrap.sh tests
	@.venv/bin/python -m tests.chaos $(ARGS)

servers: ## get the real servers that tests run against (Keycloak, PostgreSQL, Redis, xmlsec1, Chromium), once
	@sh deploy/bootstrap.sh
	@.venv/bin/python -m deploy.servers

screens: ## take the pictures of the page's screens anew (docs/screens)
	@sh deploy/bootstrap.sh tests
	@AUTERITY_SCREENS=docs/screens .venv/bin/python -m pytest tests/dashboard -n 0 -k accessibility

clean: ## remove what was built or installed here; data directories (.auterity) stay
	rm -rf .venv .uv dist dashboard/node_modules gateway/page .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
