# Everything a developer types. `make demo` and `make test` need nothing but Python 3.11 or later.

PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
TESTS ?= tests
WORKERS ?= auto
SEEDS ?= 20000
STORMS ?= 200
FROM ?= 1
CORES ?= $(shell nproc)

# Plays so many seeds from FROM on by a module of tests/simulation, fifty in one process.
played = seq $(FROM) 50 $$(($(FROM) + $(2) - 1)) | xargs -P $(CORES) -I {} sh -c \
	'last=$$(({} + 49)); end=$$(($(FROM) + $(2) - 1)); [ $$last -le $$end ] || last=$$end; \
	exec $(BIN)/python -m tests.simulation.$(1) {} $$last'

.PHONY: demo sandbox test simulate fuzz check docs bench faults webinars lock clean

demo: $(VENV)/.run  ## the main job on the seed campaign, with a local mail catcher
	$(BIN)/drip demo $(DEMO)

sandbox: $(VENV)/.run  ## the same by hand: inbox, site, and a clock to push
	$(BIN)/drip sandbox

test: check  ## lint, types, import contracts and all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

simulate: $(VENV)/.dev  ## many seeds, one process a core: SEEDS=20000 FROM=1 of the model (1 s of CPU each), STORMS=200 of the engine
	$(call played,world,$(SEEDS))
	$(call played,storm,$(STORMS))

fuzz: $(VENV)/.dev  ## 20,000 random pages for random readers, and 100,000 torn phrases
	DRIP_FUZZ_SEEDS=240 DRIP_FUZZ_INPUTS=100000 $(BIN)/python -m pytest -q -n $(WORKERS) \
		tests/unit/authoring/test_render_fuzz.py tests/unit/engine/test_engine_plates.py tests/unit/core/test_core_fuzz.py

check: $(VENV)/.dev  ## lint, types and import contracts only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev  ## write the generated pages of docs/ anew
	$(BIN)/python docs/make_problems.py
	DRIP_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/docs tests/problems tests/cli/test_cli_manual.py

bench: $(VENV)/.dev  ## the figures, as ratios interleaved in one run
	for each in benchmarks/[a-z]*.py; do $(BIN)/python $$each || exit 1; done

faults: $(VENV)/.dev  ## the fault bench at full length: 500 kills, every point, zombies, full disks, outages, 10,000 races
	DRIP_RACES=10000 DRIP_KILLS=500 DRIP_KILLED_READERS=50000 DRIP_POINTS_EVERY=1 DRIP_ZOMBIES=60 DRIP_FULL_DISKS=40 \
	DRIP_OUTAGES=3 DRIP_OUTAGE_SECONDS=30 DRIP_PARTITIONS=20 \
	$(BIN)/python -m pytest -s -n $(WORKERS) --dist worksteal --timeout 7200 tests/faults tests/integration/test_no_wins.py

webinars: $(VENV)/.dev  ## seats and reminders at full size: 400 at once for 50 seats, 200 races, 1,000 and 10,000 people reminded
	DRIP_SEATED=400 DRIP_REGISTERING=200 DRIP_REMINDED=1000 DRIP_RUSHED=10000 DRIP_KILLED_SEATS=1000 $(BIN)/python -m pytest -n $(WORKERS) --timeout 3600 \
	tests/integration/test_seats.py tests/integration/test_register_wins.py tests/simulation/test_reminders.py \
	tests/simulation/test_rush.py tests/faults/test_killed_reminders.py

lock: $(VENV)/.dev  ## resolve the dependencies anew into the hashed lock files
	$(BIN)/python -m pip --quiet install uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra import --extra dkim --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra import --extra dkim --group build --group test --group lint --group bench -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist

# The lock is installed with hashes, then drip itself without touching a dependency.

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "drip needs Python 3.11 or later; none was found" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	test -e $(VENV)/.dev || $(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@
