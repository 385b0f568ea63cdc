# aio: asyncio in C. The headers need no building; this builds and runs what is around them.
# The user's: CC, CXX, CFLAGS, BUILD, AIO_POLLER (epoll or select, for examples, tests and benches).
CC ?= cc
CXX ?= c++
BUILD ?= build
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef
NEED = -iquote . -pthread
SELECT = $(NEED) -include test/poller.h
HEADERS := $(wildcard aio*.h)
TESTS := $(patsubst test/test_%.c,$(BUILD)/test/%,$(wildcard test/test_*.c))
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))

help:           ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1	/p' $(MAKEFILE_LIST)

demo:           ## builds the examples and runs 1,000 clients, on each poller
	@echo 'building the examples ...'
	@$(MAKE) -s -j4 examples
	@if [ "$$(uname)" = Linux ]; then echo; AIO_POLLER=epoll $(BUILD)/examples/10-demo; fi
	@echo; AIO_POLLER=select $(BUILD)/examples/10-demo

examples: $(EXAMPLES)   ## builds the examples into $(BUILD)/examples

programs: $(TESTS)

test:           ## builds and runs the tests (needs prove)
	@echo 'building the tests ...'
	@$(MAKE) -s -j4 programs
	@AIO_TEST_QUICK=1 CC='$(CC)' BUILD='$(BUILD)' prove --exec '' $(TESTS) $(wildcard test/*.t)

embedded:       ## builds firmware and runs it on three boards in QEMU
	@BUILD='$(BUILD)' embedded/show.sh $(PROGRAMS)

check:          ## everything: compilers, sanitizers, valgrind, each poller (minutes)
	BUILD='$(BUILD)' test/check.sh

lint:           ## more warnings than anybody needs, and cppcheck
	test/lint.sh

sizes:          ## bytes of code and RAM on small machines, for each cross compiler that is here
	@BUILD='$(BUILD)' bench/sizes.sh

bench:          ## builds and runs the suite beside its peers (long; QUICK=1: minutes; PEERS=, WORKLOADS=)
	@CC='$(CC)' CXX='$(CXX)' BUILD='$(BUILD)' QUICK='$(QUICK)' PEERS='$(PEERS)' WORKLOADS='$(WORKLOADS)' bench/run

# Programs that need no implementation of their own share a compiled one, to be built in a blink.
$(BUILD)/shared.a: test/shared.c $(wildcard test/*.h) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) $(NEED) -c $< -o $(@:.a=.o)
	$(AR) rc $@ $(@:.a=.o)

$(BUILD)/test/%: test/test_%.c $(BUILD)/shared.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) $(NEED) -DTEST_SHARED $< $(BUILD)/shared.a -o $@ $(LDFLAGS)

$(BUILD)/examples/%: examples/%.c $(BUILD)/shared.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) $(SELECT) -DTEST_SHARED $< $(BUILD)/shared.a -o $@ $(LDFLAGS)

$(BUILD)/bench/%: bench/%.c $(wildcard bench/*.h) test/poller.h $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) $(SELECT) $< -o $@ $(LDFLAGS)

clean:          ## removes what was built
	rm -rf $(BUILD)

.PHONY: bench help demo embedded examples programs check lint sizes test clean
