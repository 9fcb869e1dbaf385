# make demo    installs what it needs, builds the program, and runs the main job on real input
# make test    installs what it needs, builds everything, and runs every test
# make build   the program and the Python package
# make bench   compares the engines with a PyTorch and a NumPy script, in one run
# make format  formats the sources

.PHONY: demo test build bench recipes fetch configure all-targets format check sanitize thread-sanitize clean
JOBS ?= $(shell nproc)
# ON: warnings are errors
WERROR ?= OFF
BUILD = cmake --build build/release -j $(JOBS)

demo:
	@scripts/install-deps demo
	@scripts/fetch-data mnist
	@scripts/fetch-data vega || echo "make demo: no Vega, so no report.html"
	@$(MAKE) --no-print-directory configure
	@$(BUILD) --target latetime
	@scripts/demo

test:
	@scripts/install-deps test
	@scripts/fetch-data || echo "make test: the tests that need what is missing say that they are skipped"
	@$(MAKE) --no-print-directory all-targets
	@ctest --test-dir build/release --output-on-failure -j $(JOBS); status=$$?; \
	  sed -n 's/^SKIPPED/make test: skipped in Python:/p' build/release/Testing/Temporary/LastTest.log; \
	  exit $$status

build:
	@scripts/install-deps python
	@scripts/fetch-data vega || echo "make build: no Vega, so no report.html"
	@$(MAKE) --no-print-directory configure
	@$(BUILD) --target latetime latetime_python

bench:
	@scripts/install-deps bench
	@scripts/fetch-data
	@$(MAKE) --no-print-directory all-targets
	@benchmarks/compare
	@benchmarks/compare_training

configure:
	@cmake --preset release --log-level=WARNING -DLATETIME_WERROR=$(WERROR) >/dev/null

all-targets: configure
	@$(BUILD)

recipes:
	@scripts/install-deps test
	@tests/recipes/recipes_test.py build/recipes -DLATETIME_WERROR=$(WERROR)

format:
	@scripts/check-format --fix

check:
	@scripts/install-deps test
	@scripts/check-layers
	@scripts/check-format
	@cmake --preset strict --log-level=WARNING >/dev/null
	@cmake --build build/strict -j $(JOBS)

sanitize:
	@scripts/install-deps test
	@cmake --preset asan --log-level=WARNING >/dev/null
	@cmake --build build/asan -j $(JOBS)
	@ctest --test-dir build/asan --output-on-failure -j $(JOBS) -LE slow

thread-sanitize:
	@scripts/install-deps test
	@cmake --preset tsan --log-level=WARNING >/dev/null
	@cmake --build build/tsan -j $(JOBS) --target test_base test_dynamics
	@ctest --test-dir build/tsan --output-on-failure -j $(JOBS) -LE slow -R 'Thread'

clean:
	@rm -rf build demo
