# Everything runs in .venv, which the first target makes. `make` alone lists what there is.

PYTHON ?= python3
BIN := .venv/bin
MACHINE := $(BIN)/python .ci/machine.py
NODE_MODULES := js/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help demo lab test test-lowest frameworks bench soak lint audit docs bundle pictures clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile

demo: .venv/prices.installed ## a simulated team and two coding agents, and the dashboard on them in your browser
	$(BIN)/agent-widget demo

lab: .venv/all.installed ## JupyterLab on the quickstart notebook
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/quickstart.ipynb

test: lint ## every check: what lint does, then pytest with the JavaScript and the browser tests (ARGS="-k name")
	$(MACHINE) browser
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	@mkdir -p dist # one half beside the other, about as long; what this one prints comes last
	@$(BIN)/python -m pytest -m browser >dist/browser-tests.log 2>&1 & browser=$$!; \
	$(BIN)/python -m pytest -m "not browser"; others=$$?; \
	wait $$browser; browser=$$?; cat dist/browser-tests.log; exit $$((others + browser))
endif

test-lowest: .venv-lowest/installed ## the quick tests with the lowest version of each dependency, in .venv-lowest
	.venv-lowest/bin/python -m pytest -m "not browser and not slow" $(ARGS)

frameworks: .venv-frameworks/installed ## OpenAI's SDK and LangChain with real instrumentors, for tests/frameworks, in .venv-frameworks

bench: .venv/test.installed ## what is measured beside floors and peers, on a quiet machine; bench.json (ARGS="live search --peers")
	$(BIN)/python -m tests.benchmarks $(ARGS)

soak: .venv/test.installed ## an hour of chaos: kills, stops, bad connections; replicas must be in step after each (ARGS="--seed 2")
	$(BIN)/python -m tests.soak --seconds 3300 $(ARGS)
	$(BIN)/python -m tests.soak.restarts --seconds 300 $(ARGS)

lint: .venv/test.installed $(NODE_MODULES) ## ruff, mypy, import-linter (which room may import which), tsc and biome
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(MACHINE) npm run --silent check
	$(MACHINE) npm run --silent lint

audit: .venv/audit.installed $(NODE_MODULES) ## known weaknesses of what is installed, by pip-audit and npm audit (asks PyPI and npm)
	$(BIN)/python .ci/audit.py

docs: .venv/docs.installed ## build the documentation site: guide, recipes, reference, in dist/docs
	$(BIN)/python -m sphinx -W -n -q -b html -d dist/doctrees docs dist/docs

bundle: .venv/test.installed $(NODE_MODULES) ## build agent_widget/static/ from js/
	$(BIN)/python js/tables.py
	$(MACHINE) npm run --silent build

pictures: .venv/test.installed $(NODE_MODULES) ## the pictures of the README, taken anew, and those of many agents (all others: tests/gallery, by make test)
	PICTURES=1 $(BIN)/python -m pytest -q tests/browser/test_gallery.py -k "readme or many_agents"
	for theme in light dark; do cp tests/gallery/readme-$$theme.png .github/overview-$$theme.png; done

clean: ## remove what the other targets made
	rm -rf .venv .venv-lowest .venv-frameworks js/node_modules tests/gallery docs/notebooks dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.venv/%.installed: pyproject.toml
	$(PYTHON) .ci/machine.py venv $(filter-out run,$*)
	@touch $@

.venv-lowest/installed: pyproject.toml
	$(PYTHON) .ci/machine.py lowest
	@touch $@

.venv-frameworks/installed: pyproject.toml
	$(PYTHON) .ci/machine.py frameworks
	@touch $@

$(NODE_MODULES): js/package-lock.json | .venv/test.installed
	$(MACHINE) npm ci
	@touch $@
