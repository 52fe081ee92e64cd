# make demo: trains the four variants of the comparison briefly on digit scenes, and shows what comes of it.
# make test: installs what the tests need into .venv and runs all of them.
# make test-reference: compares the models with PyTorch.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

.PHONY: demo test test-reference lint clean

demo: $(READY)
	$(VENV)/bin/python main.py --config=configs/demo.py --workdir=runs/demo

test: $(READY)
	$(VENV)/bin/python -m pytest -q -n 2 --dist=worksteal  # nobody waits for the last long test

# The Flax models against PyTorch: installs it beside the rest.
test-reference: $(READY)
	$(VENV)/bin/pip install --quiet --upgrade 'pip>=25.1'  # the first that knows dependency groups
	$(VENV)/bin/pip install --quiet --group reference
	$(VENV)/bin/python -m pytest -q tests/reference

lint: $(READY)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11: run make PYTHON=python3.11 (or a newer one)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV)
