# make demo   sets everything up and maps a generated slide
# make test   sets everything up and passes the tests
# make check  what pre-commit checks: format, lint, types, floors

PYTHON ?= python3
PROCESSES ?= 2
BIN := .venv/bin
READY := .venv/.installed

.PHONY: demo test check install clean

demo: $(READY)
	$(BIN)/carcinomap demo --output demo/ --overwrite

# Each process of the tests computes on a core of its own, and takes up to 4 GB. The tests of a file
# share what takes long to make, so they stay together; by their number alone short files would be last.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(READY)

# Anew whenever the requirements or the pins change.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "carcinomap needs Python 3.11 or newer; say which: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv demo
