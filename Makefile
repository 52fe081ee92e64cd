# make demo             trains the four variants of the comparison briefly on digit scenes, and draws the result
# make test             runs all tests; make test-fast leaves out the slow ones
# make fuzz-checkpoints reads malicious and damaged checkpoints
# make campaigns        kills programs, fills disks and attacks the review server, for about an hour
# make test-reference   compares the models with PyTorch
# make fuzz             reads damaged files of every kind for an hour
# make lint             checks format, style and types; make format repairs the first two
# make docs             builds the documentation site in site/
# make notebooks        executes the notebooks and saves their outputs in them
# make lock             renews the locks: what running, tests and documentation need
# Each target installs what it needs into .venv; make clean removes that.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 0
# Where it is set, each of the many processes of the tests would compile the libraries anew.
export PYTHONDONTWRITEBYTECODE :=
install = $(BIN)/uv pip install --quiet --python $(BIN)/python $(1) || $(BIN)/pip install --quiet $(1)
lock = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url

.PHONY: demo test test-fast campaigns fuzz-checkpoints test-reference fuzz lint format docs notebooks lock clean

demo: $(VENV)/.ready
	$(BIN)/python main.py demo --workdir=runs/demo

test: $(VENV)/.ready-test
	$(BIN)/python -m pytest -q -n 2 --dist=worksteal  # no worker waits for the last long test

test-fast: $(VENV)/.ready-test
	$(BIN)/python -m pytest -q -n 2 --dist=worksteal -m "not slow"

fuzz-checkpoints: $(VENV)/.ready-test
	$(BIN)/python -m tests.models.checkpoints.campaign --count=1000

campaigns: $(VENV)/.ready-test
	$(BIN)/python -m tests.campaigns.kills
	$(BIN)/python -m tests.campaigns.review_server

test-reference: $(VENV)/.ready-test
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'  # the first version that knows dependency groups
	$(BIN)/pip install --quiet --group reference
	$(BIN)/python -m pytest -q tests/reference

fuzz: $(VENV)/.ready-test
	$(BIN)/python -m tests.fuzz --cases=60000 --minutes=50 --commands=400 --seed=$(SEED)
	$(BIN)/python -m tests.fuzz.fields --count=400 --seed=$(SEED)

lint: $(VENV)/.ready-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.ready-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.ready-docs
	$(BIN)/mkdocs build --strict --quiet

notebooks: $(VENV)/.ready-test
	$(BIN)/python docs/notebooks.py

# The locks of tests and documentation hold only what running does not need.
lock: $(VENV)/.ready
	$(lock) --extra jax --extra review pyproject.toml -o requirements.txt
	$(lock) --group test -c requirements.txt -o requirements-test.txt
	$(lock) --group docs -c requirements.txt -c requirements-test.txt -o requirements-docs.txt
	@for name in test docs; do \
	  grep -vxFf requirements.txt requirements-$$name.txt > $(VENV)/lock && mv $(VENV)/lock requirements-$$name.txt; done

$(VENV)/.ready: requirements.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11: run make PYTHON=python3.11 (or a newer one)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv || echo "uv is not available: pip installs instead"
	$(call install,-r requirements.txt)
	$(call install,--no-deps --editable .)
	touch $@

$(VENV)/.ready-test: $(VENV)/.ready requirements-test.txt
	$(call install,-r requirements-test.txt)
	touch $@

$(VENV)/.ready-docs: $(VENV)/.ready requirements-docs.txt
	$(call install,-r requirements-docs.txt)
	touch $@

clean:
	rm -rf $(VENV) build dist site
