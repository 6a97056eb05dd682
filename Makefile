# ctmo-indi. "make" alone prepares everything and prints this help; "make demo" shows a night.

SHELL := /bin/sh
.DEFAULT_GOAL := all
.SUFFIXES:
.NOTPARALLEL:

# --- what a user may set ---------------------------------------------------------------------------
PREFIX  ?= /opt/ctmo-indi
BINDIR  ?= /usr/local/bin
DESTDIR ?=
VENV    ?= .venv
WHEELS  ?= build/wheels
# "systemd" or "launchd"; empty: that of this machine.
SYSTEM  ?=
# "make install NO_DEPS=1": the system brings the requirements (for packagers).
NO_DEPS ?=
# "make demo SPEED=240": sky seconds per second; empty: a night in five minutes, another for its calibration.
SPEED   ?=
DEMO_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS  ?=
WORKERS ?= 2
# "make SOLVER=no": without astrometry.net.
SOLVER  ?= yes
SOLVER_PACKAGES = astrometry.net astrometry-data-tycho2
# Any Python of version 3.11 or later.
PYTHON  ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
SOURCES := $(shell find ctmo_indi devices profiles xmlrpc -type f ! -name '*.pyc' 2>/dev/null)
# Those that are parts of bench_preprocess.py run within it.
BENCHMARKS = $(filter-out $(addprefix benchmarks/bench_,combine.py lights.py solve.py \
	preprocess_night.py preprocess_desk.py),$(wildcard benchmarks/bench_*.py))
METADATA := setup.cfg pyproject.toml
INSTALLER = "$(if $(wildcard $(VENV)/bin/python),$(VENV)/bin/python,$(PYTHON))" -B -m ctmo_indi.installer
PLACES = --prefix "$(PREFIX)" --bindir "$(BINDIR)" $(if $(DESTDIR),--destdir "$(DESTDIR)") \
	$(if $(SYSTEM),--system $(SYSTEM))

.PHONY: all help prepare demo test faults lint docs bench bench-preprocess bench-sched install uninstall clean distclean system-packages test-packages vendor

all: prepare help ## prepare the virtual environment and all wheels (sudo make install then needs no network)

help: ## print this list
	@echo 'Targets of ctmo-indi:'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 20
	@echo 'PREFIX=$(PREFIX)  BINDIR=$(BINDIR)  DESTDIR=$(DESTDIR)  PYTHON=$(PYTHON)'

prepare: $(VENV)/.stamp-run $(WHEELS)/.stamp-project

demo: system-packages $(VENV)/.stamp-run ## run a whole simulated night; nothing to set up before
	@$(VENV)/bin/ctmo-indi demo $(if $(SPEED),--speed $(SPEED)) $(DEMO_ARGS)

# Most tests wait for simulated devices: several files at a time, each on servers of its own.
test: system-packages test-packages $(VENV)/.stamp-test ## run all tests, WORKERS files at a time
	$(VENV)/bin/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(PYTEST_ARGS)

# Hours: every promise of docs/explanation/safety.md with its full number of repetitions. One of them:
# make faults PYTEST_ARGS="-k weather"
faults: system-packages $(VENV)/.stamp-test ## measure every promise at full length; takes hours
	CTMO_FAULTS_LONG=1 $(VENV)/bin/python -m pytest -m "promise or faults" --timeout=0 $(PYTEST_ARGS)

lint: $(VENV)/.stamp-test ## style, types, layers; of the page, its scripts
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/oxlint --config .ci/oxlint.json --ignore-pattern "ctmo_indi/web/static/vendor/**" \
		--deny-warnings ctmo_indi/web/static

docs: $(VENV)/.stamp-test ## build the documentation as a site: build/docs/index.html
	$(VENV)/bin/python -m sphinx -b html -q -W --keep-going -d build/docs-trees docs build/docs
	@echo 'Look at build/docs/index.html'

bench: system-packages $(VENV)/.stamp-test ## run the benchmarks
	@missed=; for file in $(BENCHMARKS); do echo "== $$file"; \
		$(VENV)/bin/python "$$file" || missed="$$missed $$file"; done; \
	test -z "$$missed" || { echo "below its goal, or failed:$$missed" >&2; exit 1; }

bench-preprocess: system-packages $(VENV)/.stamp-test ## measure what the preprocessor promises; BENCH_ARGS=--quick
	@$(VENV)/bin/python benchmarks/bench_preprocess.py $(BENCH_ARGS)

bench-sched: system-packages $(VENV)/.stamp-test ## measure what the planner promises; BENCH_ARGS=--quick
	@$(VENV)/bin/python benchmarks/bench_sched.py $(BENCH_ARGS)

install: $(WHEELS)/.stamp-project ## install services, units and configuration; as root, or with DESTDIR
	@$(INSTALLER) install $(PLACES) --wheels "$(WHEELS)" $(if $(NO_DEPS),--no-deps)

uninstall: ## remove exactly what install put there
	@$(INSTALLER) uninstall $(PLACES)

vendor: ## fetch the page's libraries anew from npm, each file checked by its SHA-256
	"$(PYTHON)" .ci/refresh_vendor.py

clean: ## remove what was built; keeps the virtual environment
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find ctmo_indi devices profiles xmlrpc tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove the virtual environment, too
	rm -rf "$(VENV)"

# --- the virtual environment -----------------------------------------------------------------------
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo 'ctmo-indi needs Python 3.11 or later; none found.' \
		'Debian: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3' >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo 'Python'"'"'s venv module is missing.' \
		'Debian: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Preparing the virtual environment in $(VENV)'
	@"$(PYTHON)" -m venv "$(VENV)"
	@$(PIP) install --quiet --upgrade pip 'setuptools>=70.1'

# PYTHONWARNINGS: setuptools warns at length that the folder of an editable installation is searched.
# pyindi-client comes without its requirements: dbus-python would need a compiler, and nothing of it
# is ever imported. Where it has no wheel, the other INDI transport is used.
$(VENV)/.stamp-run: $(METADATA) | $(VENV)/bin/python
	@echo 'Fetching pyindi-client'
	@$(PIP) install --quiet --no-deps 'pyindi-client>=2.1' \
		|| echo 'pyindi-client could not be installed: the transport of indipyclient will be used.'
	@echo 'Fetching all else, some 500 MB unpacked: a minute, and as long as the network takes'
	@PYTHONWARNINGS=ignore $(PIP) install --quiet --editable '.[sky]'
	@touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp-run
	@echo 'Fetching what the tests need'
	@PYTHONWARNINGS=ignore $(PIP) install --quiet --editable '.[sky,test]'
	@touch $@

# --- wheels, so that an installation needs no network ----------------------------------------------
$(WHEELS)/.stamp-needed: $(METADATA) $(VENV)/.stamp-run
	@rm -rf "$(WHEELS)" && mkdir -p "$(WHEELS)"
	@echo 'Gathering wheels in $(WHEELS), so that "make install" needs no network'
	@$(PIP) wheel --quiet --wheel-dir "$(WHEELS)" '.[sky]'
	@$(PIP) wheel --quiet --no-deps --wheel-dir "$(WHEELS)" 'pyindi-client>=2.1' \
		|| echo 'pyindi-client has no wheel here: the transport of indipyclient will be used.'
	@touch $@

$(WHEELS)/.stamp-project: $(SOURCES) $(WHEELS)/.stamp-needed
	@rm -rf build/lib build/bdist.* "$(WHEELS)"/ctmo_indi-*.whl
	@$(PIP) wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir "$(WHEELS)" .
	@touch $@

# --- what comes from Debian ------------------------------------------------------------------------
# indiserver with its simulators, libfaketime for the fast clock, Python's venv. Installed when we may
# (root or sudo), else named in one message. Beside them solve-field with the index files that the
# simulators' field of 0.8 x 0.95 degrees needs, 205 MB: without it frames are calibrated and not solved,
# so it is no error when it cannot be installed. "make SOLVER=no" leaves it out.
system-packages:
	@missing=; solver=; \
	test "$(SOLVER)" = no || command -v solve-field >/dev/null || solver="$(SOLVER_PACKAGES)"; \
	command -v indiserver >/dev/null && command -v indi_simulator_ccd >/dev/null || missing="$$missing indi-bin"; \
	ls /usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib*/faketime/libfaketimeMT.so.1 \
		/usr/local/lib/faketime/libfaketimeMT* /opt/homebrew/lib/faketime/libfaketimeMT* 2>/dev/null \
		| grep -q . || missing="$$missing libfaketime"; \
	test -x "$(VENV)/bin/python" || { test -n "$(PYTHON)" && "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; } \
		|| missing="$$missing python3 python3-venv"; \
	test -n "$$missing$$solver" || exit 0; \
	if test "$$(id -u)" = 0; then sudo=; \
	elif command -v sudo >/dev/null && test -t 0; then sudo=sudo; \
	else sudo='sudo -n'; fi; \
	if command -v apt-get >/dev/null && { test -z "$$sudo" || $$sudo true 2>/dev/null; }; then \
		echo "Installing the Debian packages:$$missing $$solver"; \
		export DEBIAN_FRONTEND=noninteractive; \
		fetch() { $$sudo apt-get install -y -qq --no-install-recommends "$$@" >/dev/null 2>&1 \
			|| { $$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends "$$@" >/dev/null; }; }; \
		test -z "$$missing" || fetch $$missing \
			|| { echo "apt-get could not install:$$missing" >&2; exit 1; }; \
		test -z "$$solver" || fetch $$solver \
			|| echo "apt-get could not install: $$solver. Frames will not be solved." >&2; \
	elif test -z "$$missing"; then \
		echo "Not to be installed without root or sudo: $$solver. Frames will not be solved." >&2; \
	else \
		echo "Missing, and not to be installed without root or sudo:$$missing (names of Debian packages)." >&2; \
		exit 1; \
	fi

# The page is tested in Chromium without a window, 400 MB; nothing but the tests wants it.
test-packages:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null && exit 0; \
	if test "$$(id -u)" = 0; then sudo=; else sudo='sudo -n'; fi; \
	if command -v apt-get >/dev/null && { test -z "$$sudo" || $$sudo true 2>/dev/null; }; then \
		echo 'Installing the Debian package: chromium'; \
		export DEBIAN_FRONTEND=noninteractive; \
		$$sudo apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 \
			|| { $$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
			|| echo 'apt-get could not install chromium: the tests of the page are skipped.' >&2; \
	else \
		echo 'Chromium is not installed (Debian package chromium): the tests of the page are skipped.' >&2; \
	fi
