# make demo    installs what is missing, builds, and runs the main job on real input
# make test    installs what is missing, builds, and runs every test
# make bench   compares the engines with a PyTorch and a NumPy script, in one run
# make format  formats the sources

.PHONY: demo test bench build deps format check sanitize thread-sanitize clean
JOBS ?= $(shell nproc)
# ON: warnings are errors
WERROR ?= OFF

demo: build
	@scripts/fetch-data
	@scripts/demo

test: build
	@scripts/fetch-data || echo "make test: no image data; the tests that need it say that they are skipped"
	@ctest --test-dir build/release --output-on-failure -j $(JOBS); status=$$?; \
	  sed -n 's/^SKIPPED/make test: skipped in Python:/p' build/release/Testing/Temporary/LastTest.log; \
	  exit $$status

build: deps
	@cmake --preset release --log-level=WARNING -DLATETIME_WERROR=$(WERROR) >/dev/null
	@cmake --build build/release -j $(JOBS)

deps:
	@scripts/install-deps

bench: build
	@benchmarks/compare
	@benchmarks/compare_training

format:
	@scripts/check-format --fix

check: deps
	@scripts/check-layers
	@scripts/check-format
	@cmake --preset strict --log-level=WARNING >/dev/null
	@cmake --build build/strict -j $(JOBS)

sanitize: deps
	@cmake --preset asan --log-level=WARNING >/dev/null
	@cmake --build build/asan -j $(JOBS)
	@ctest --test-dir build/asan --output-on-failure -j $(JOBS) -LE slow

thread-sanitize: deps
	@cmake --preset tsan --log-level=WARNING >/dev/null
	@cmake --build build/tsan -j $(JOBS) --target test_base test_dynamics
	@ctest --test-dir build/tsan --output-on-failure -j $(JOBS) -LE slow -R 'Thread'

clean:
	@rm -rf build demo
