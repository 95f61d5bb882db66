# Two commands: `make demo` and `make test`. Both make .venv when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= constraints.txt

.PHONY: demo test lint clean

demo: $(VENV)/.demo
	@$(BIN)/calib-explorer run --headless demo
	@$(BIN)/calib-explorer show 'perplexity?method=wanda&model=smollm2-135m-instruct'
	@$(BIN)/calib-explorer next

test: $(VENV)/.test lint
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A stamp is written only when the installation is complete: a kill midway is repaired by the next call.
$(VENV)/.demo: $(VENV)/.made
	$(BIN)/python -m pip install -c $(CONSTRAINTS) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.made
	$(BIN)/python -m pip install -c $(CONSTRAINTS) -e '.[test]'
	@touch $@ $(VENV)/.demo

$(VENV)/.made: pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "calib-explorer needs Python >= 3.11; set PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "No venv module: on Debian and Ubuntu run 'apt install python3-venv'"; exit 2; }
	@touch $@

clean:
	rm -rf $(VENV)
