# Two commands: `make demo` and `make test`. Both make .venv when it is missing.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= constraints.txt
JOBS ?= 2

.PHONY: demo test lint clean

demo: $(VENV)/.demo
	@$(BIN)/calib-explorer run --headless demo
	@$(BIN)/calib-explorer show figures
	@$(BIN)/calib-explorer show 'perplexity?method=wanda&model=smollm2-135m-instruct'
	@$(BIN)/calib-explorer show 'acc?task=reading&method=wanda&model=smollm2-135m-instruct' --intervals
	@$(BIN)/calib-explorer next

test: $(VENV)/.test lint
	$(BIN)/python -m pytest -n $(JOBS)

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

# The first Python >= 3.11 found makes the environment, unless PYTHON names one.
$(VENV)/.made: pyproject.toml $(CONSTRAINTS)
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		$(BIN)/python -m pip --version >/dev/null 2>&1 && touch $@ && exit 0; \
		rm -rf $(VENV); \
		"$$python" -m venv $(VENV) && touch $@ && exit 0; \
		rm -rf $(VENV); \
		echo "No virtual environment could be made with $$python (message above)."; \
		echo "On Debian and Ubuntu: sudo apt install python3-venv, then the same command again."; \
		exit 2; \
	done; \
	echo "calib-explorer needs Python >= 3.11, and python3 is $$(python3 --version 2>&1). If there is another:"; \
	echo "  make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; \
	exit 2

clean:
	rm -rf $(VENV)
