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

examples: $(EXAMPLES)   ## builds the examples into $(BUILD)/examples

test: $(TESTS)  ## builds and runs the tests (needs prove)
	prove --exec '' $(TESTS)

$(BUILD)/test/%: test/test_%.c test/tap.h $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) $(NEED) $< -o $@ $(LDFLAGS)

$(BUILD)/examples/%: examples/%.c test/poller.h $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) $(SELECT) $< -o $@ $(LDFLAGS)

$(BUILD)/bench/%: bench/%.c test/poller.h $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) $(SELECT) $< -o $@ $(LDFLAGS)

clean:          ## removes what was built
	rm -rf $(BUILD)

.PHONY: help examples test clean
