# Three verbs: demo (the main job on real input), test, check. Each sets up what it needs
# from Python 3.11, pip, make and git; nothing is taken from what is installed beside them.
PYTHON ?= python3.11
BIN := .venv/bin
TESTS ?= tests

# The development environment is locked by hash; a find-links or extra index of this machine adds nothing to it.
PIP := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_CONSTRAINT PIP_CONFIG_FILE=/dev/null \
	$(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo demo-airgap test check wheels conformance matrix bench bench-build bench-bundle bench-guard bench-mirror \
	bench-mirror-cold bench-scan bench-verify check-batch check-sdists fuzz prove-formats soak-guard soak-mirror mutate format reference lock clean help

help:  ## list the verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.venv: .venv/.stamp

.venv/.stamp: requirements/dev.txt pyproject.toml mirror/pyproject.toml hatch_plugin/pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation -e . -e mirror -e hatch_plugin
	touch $@

demo: .venv  ## the main job, end to end, on real packages from PyPI (a few minutes)
	$(BIN)/python tools/demo.py

demo-airgap: .venv  ## two sides of a gap: real wheels from PyPI, a folder, a network namespace without a way out
	$(BIN)/python tools/airgap.py

wheels: .venv  ## the wheels of the four distributions, into dist/
	for folder in . mirror hatch_plugin sitecustomize_guard; do \
		(cd $$folder && $(CURDIR)/$(BIN)/python -m hatchling build --target wheel --directory $(CURDIR)/dist) || exit 1; \
	done

test: .venv  ## every test that needs no internet: make test TESTS=tests/noegress
	$(BIN)/python -m pytest -n 2 $(TESTS)

check: .venv  ## format, lint, types, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/reference.py --check
	$(BIN)/python tools/rule_docs.py --check

soak-mirror: .venv  ## kill -9 in a loop, a full disk, a failing upstream, jumping clocks, a thousand clients
	$(BIN)/python -m pytest -n 0 -s -m slow tests/mirror

matrix: .venv build/front-ends/.stamp build/backends/.stamp  ## real builds: front ends, backends, surfaces, indexes (a quarter of an hour)
	$(BIN)/python -m pytest -n 2 -m slow tests/hatch_plugin

SUITE ?= build/tuf-conformance
SUITE_COMMIT := eec841c186f81f2d9d8d30460c7e7deefa615f9e
conformance: .venv $(SUITE)/pyproject.toml  ## the TUF client against tuf-conformance (a checkout: SUITE=DIR; needs faketime)
	@command -v faketime >/dev/null || { echo "faketime is missing: apt-get install faketime"; exit 2; }
	PYTHONPATH=$(SUITE) $(BIN)/python -m pytest -q -c /dev/null --rootdir $(SUITE) -p no:cacheprovider \
		$(SUITE)/tuf_conformance --entrypoint "$(CURDIR)/$(BIN)/python $(CURDIR)/tools/conformance_client.py"

build/tuf-conformance/pyproject.toml:
	git clone --quiet https://github.com/theupdateframework/tuf-conformance build/tuf-conformance
	git -C build/tuf-conformance checkout --quiet $(SUITE_COMMIT) || { rm -rf build/tuf-conformance; exit 1; }

build/front-ends/.stamp: requirements/front-ends.txt
	$(PYTHON) -m venv build/front-ends
	$(PIP:$(BIN)%=build/front-ends/bin%) install --no-deps --require-hashes -r requirements/front-ends.txt
	touch $@

build/backends/.stamp: requirements/backends.txt | .venv
	$(PIP) download --no-deps --only-binary :all: --require-hashes --dest $(@D) -r $<
	touch $@

bench: .venv  ## the short form of every bench; what lacks a program is passed over and said
	$(BIN)/python tools/bench.py

bench-build: .venv  ## what the plugin adds to a build
	$(BIN)/python -m tools.bench_build

build/fuzz/.stamp: requirements/fuzz.txt
	$(PYTHON) -m venv build/fuzz/env
	$(PIP:$(BIN)%=build/fuzz/env/bin%) install --only-binary :all: --require-hashes -r $<
	touch $@

SECONDS ?= 120
fuzz: build/fuzz/.stamp  ## the readers of the scanner against atheris: make fuzz SECONDS=120
	PYTHONPATH=. build/fuzz/env/bin/python tools/fuzz.py -max_total_time=$(SECONDS)

prove-formats: .venv  ## SARIF and CycloneDX of real wheels against their schemas: make prove-formats WHEELS=FOLDER
	$(BIN)/python tools/prove_formats.py $(WHEELS)

check-sdists: .venv  ## check real sdists: make check-sdists SDISTS=DIR
	$(BIN)/python tools/check_sdists.py $(SDISTS)

check-batch: .venv  ## what `check` tells of labelled projects, and what it misses
	for batch in benchmarks/check/batches/*.txt; do $(BIN)/python benchmarks/check/score.py $$batch; done

format: .venv  ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: .venv  ## write the generated pages of docs/reference anew
	$(BIN)/python tools/reference.py

lock: .venv  ## write the locked requirements anew, hashes and no addresses
	for name in dev front-ends backends; do \
		$(BIN)/uv pip compile --quiet --no-config --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header --upgrade --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

WHEELS ?= build/wheels
# the small wheels of the corpus; another folder: make bench-scan CORPUS=DIR
build/bench-wheels/.stamp: benchmarks/scan/wheels.txt | .venv
	$(PIP) download --no-deps --only-binary :all: --require-hashes --dest $(@D) -r $<
	touch $@

bench-scan: .venv $(if $(CORPUS),,build/bench-wheels/.stamp)  ## CPU of a scan beside unpacking and hashing, and beside guarddog
	$(BIN)/python benchmarks/scan/bench.py $(or $(CORPUS),build/bench-wheels)

bench-mirror: .venv  ## requests per second beside devpi, proxpi, pypiserver and nginx (needs wrk and nginx)
	$(BIN)/python benchmarks/mirror/bench.py

SIZE ?= 10G
bench-bundle: .venv  ## cost of an export and an import against sha256: make bench-bundle SIZE=10G
	$(BIN)/python benchmarks/bundle/bench.py $(SIZE)

soak-guard: .venv  ## races, 10^5 sockets, storms of signals under the kernel layer (about five minutes)
	$(BIN)/python -m pytest -n 2 -m slow tests/sitecustomize_guard

MINUTES ?= 20
mutate: .venv  ## change the guard's decisions one by one; a test has to fail each time: make mutate MINUTES=20
	$(BIN)/python tools/mutate.py --minutes $(MINUTES)

bench-verify: .venv  ## verify against hashing the same bytes: make bench-verify WHEELS=FOLDER
	$(BIN)/python benchmarks/verify/bench.py $(WHEELS)

bench-mirror-cold: .venv  ## installations through the mirror against PyPI; then memory and start-up with 10^5 files
	$(BIN)/python benchmarks/mirror/cold.py
	$(BIN)/python benchmarks/mirror/memory.py

bench-guard: .venv  ## what the guard costs, against no guard, in one run
	$(BIN)/python benchmarks/guard/bench.py

clean:  ## remove what the verbs made
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache
