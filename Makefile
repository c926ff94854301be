# make demo: see the product work.  make test: everything that CI checks.
SHELL := /bin/bash
PYTHON ?= python3
# tests that start a process wait for it: one worker more than two cores keep busy
WORKERS ?= 3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help venv demo test lint clean bench bench-explain bench-features bench-online bench-quality bench-serve trial-serve
help:
	@echo "make venv   .venv with everything (again only when the pins change)"
	@echo "make demo   the whole way on a simulated company, ending with a page"
	@echo "make test   ruff, mypy and all tests, as CI runs them"
	@echo "make lint   ruff and mypy only"
	@echo "make bench-explain   drivers against the peers, on this machine"
	@echo "make bench-features  the feature kernel against other engines"
	@echo "make bench-online    one account in process: rows to arrays to features"
	@echo "make bench-quality   every scorer beside FLAML on five real sets"
	@echo "make bench-serve     the service against its peers, on this machine"
	@echo "make trial-serve     overload, swaps, kills, damaged bundles, bad bodies"
	@echo "make clean  caches and builds (not .venv, data or models)"

venv: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(BIN)/python -m pip install --quiet --no-compile \
	  --disable-pip-version-check \
	  -e ".[serve,track,explain,excel,tune,notebook,dev]" -c constraints.txt
	@touch $@

demo: venv
	$(BIN)/churnhealth demo

# Every step runs even when one before it failed; the summary tells all of them.
define STEPS
summary=""; status=0; \
step() { \
  echo "== $$1"; local began=$$SECONDS; local mark=ok; \
  "$${@:2}" || { mark=FAILED; status=1; }; \
  summary+=$$(printf '\n  %-6s %4d s  %s' "$$mark" $$((SECONDS - began)) "$$1"); \
}; \
step "ruff check" $(BIN)/ruff check --quiet .; \
step "ruff format" $(BIN)/ruff format --quiet --check .; \
step "mypy" $(BIN)/mypy
endef

lint: venv
	@$(STEPS); echo "$$summary"; exit $$status

# OpenMP threads that wait must not spin: two workers share two cores. Files are
# taken in the order of tests/conftest.py, the longest first. Tests start a hundred
# processes: what these import is compiled once and kept, whatever the machine's habit.
test: venv
	@$(STEPS); \
	step "pytest" env OMP_WAIT_POLICY=passive PYTHONDONTWRITEBYTECODE= \
	  $(BIN)/python -m pytest --quiet \
	  -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 10 -rfEs; \
	echo "$$summary"; exit $$status

# What only the benchmarks need: the peers.
bench: venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check \
	  -e ".[bench]" -c constraints.txt

bench-explain: bench
	OMP_WAIT_POLICY=passive $(BIN)/python benchmarks/drivers.py

# featuretools does not work with pandas 3, so it has an environment of its own.
PEERS := .venv-peers
$(PEERS)/bin/featuretools: constraints.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --no-compile \
	  --disable-pip-version-check "featuretools==1.31.0" "pandas<3" pyarrow setuptools
	@touch $@

SIZES ?= 1e6 20e6
bench-features: bench $(PEERS)/bin/featuretools
	OMP_WAIT_POLICY=passive $(BIN)/python benchmarks/features.py --sizes $(SIZES) \
	  --featuretools $(PEERS)/bin/python --plot docs/images/features.svg

QUALITY = OMP_WAIT_POLICY=passive $(BIN)/python benchmarks/quality.py
PEER_SECONDS = 900
SETS = crm5 openstack cdnow oulad ravenstack
bench-quality: bench
	$(QUALITY) --set $(SETS)
	$(QUALITY) --peers $(SETS) --most-seconds $(PEER_SECONDS)
	$(QUALITY) --simulated 300 1000 --seeds 20
	$(QUALITY) --simulated 10000 --seeds 3
	$(QUALITY) --simulated 100000
	$(QUALITY) --tune crm5 300-0 300-1 300-2 300-3
	$(QUALITY) --page

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

bench-online: venv
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/online.py

bench-serve: venv
	$(BIN)/python benchmarks/serving.py

# The long form; the tests run a short one.
trial-serve: venv
	$(BIN)/python benchmarks/trial_serve.py --seconds 60
