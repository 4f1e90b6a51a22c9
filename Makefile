# On a fresh machine with git, make and Python >= 3.11: `make demo` shows the product, `make test` checks it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXTRAS ?= dashboard,dev
comma := ,
DEV := $(VENV)/.dev-$(subst $(comma),-,$(EXTRAS))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test explore check format golden constraints clean

demo: $(VENV)/.runtime
	$(BIN)/foretune demo

test: $(DEV)
	$(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=90 \
	  --hypothesis-profile=ci

# Laws tried on other random examples than those that `test` tries each time: run it often, keep what it finds.
explore: $(DEV)
	$(BIN)/python -m pytest -n auto --dist loadfile -m hypothesis --hypothesis-profile=default

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: $(DEV)
	$(BIN)/python -m pip list --format=freeze --exclude foretune --exclude pip | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "foretune needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing foretune into $(VENV) (one to three minutes, once)"
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(DEV): $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing foretune with its development tools into $(VENV) (two to four minutes, once)"
	$(PIP) install --constraint constraints.txt --editable ".[$(EXTRAS)]"
	@touch $@ $(VENV)/.runtime
