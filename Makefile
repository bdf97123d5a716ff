# SPDX-License-Identifier: BSD-2-Clause
#
#   make            build/pyleak-bpf
#   make DEBUG=1    the same with AddressSanitizer and UBSan, in build-debug/
#   make demo       install what is missing, build, trace a small leaking service, write a flame graph
#   make test       install what the tests need, build, run every test
#   make zoo        how often verdicts are right: programs that leak in known ways, and innocent ones
#   make bench      slowdown of real workloads beside other tools: QUICK=1, ONLY=json,pair, TOOLS=exact,memleak
#   make bench-host what the agent costs on a host with 1, 10, 100, 500 Pythons
#   make check      formatting, static analysis, include rules
#   make install    DESTDIR= PREFIX=/usr/local
#   make install-agent  the same, with the systemd unit and, unless there is one, /etc/pyleak-bpf.conf

PREFIX ?= /usr/local
DESTDIR ?=
CC = gcc
CLANG ?= clang
PROTOC_C ?= protoc-c
BPFTOOL ?= $(shell command -v bpftool 2>/dev/null || ls /usr/sbin/bpftool 2>/dev/null || echo bpftool)
CLANG_FORMAT ?= clang-format
ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

VERSION := 0.1.0
BUILD := $(if $(DEBUG),build-debug,build)

PACKAGES := libbpf libelf libdw json-c libcap-ng zlib libprotobuf-c libmicrohttpd gnutls
# Headers that packages name by pkg-config are system headers to us.
PKG_CFLAGS = $(shell pkg-config --cflags $(PACKAGES))
PKG_LIBS = $(shell pkg-config --libs $(PACKAGES))

WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wshadow -Wstrict-prototypes
CFLAGS ?= $(if $(DEBUG),-O1 -g -fsanitize=address$(,)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer,-O2 -g)
, := ,
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DPYLEAK_VERSION=\"$(VERSION)\" $(WARNINGS) $(CFLAGS) \
	-Iinclude -Iuser -I$(BUILD) $(PKG_CFLAGS)
# Zydis: Debian's libzydis-dev has no pkg-config file.
LDLIBS = $(PKG_LIBS) -lZydis -lm -lpthread

BPF_CFLAGS := -g -O2 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-declarations \
	-target bpf -mcpu=v3 -Iinclude -Ivmlinux/$(ARCH) -D__TARGET_ARCH_$(ARCH)

SOURCES := $(wildcard user/*.c user/*/*.c)
OBJECTS := $(SOURCES:user/%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libpyleak.a
# Made by protoc-c.
PROFILE := $(BUILD)/export/profile.pb-c
LIBRARY_OBJECTS := $(filter-out $(BUILD)/main.o,$(OBJECTS)) $(PROFILE).o
BPF_OBJECTS := $(patsubst bpf/%.c,$(BUILD)/%.o,$(wildcard bpf/*.bpf.c))
SKELETONS := $(BPF_OBJECTS:.bpf.o=.skel.h)
FORMATTED := $(SOURCES) $(wildcard user/*.h user/*/*.h include/*.h bpf/*.[ch] tests/*/*.[ch] tests/*/*/*.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

.DEFAULT_GOAL := all
.PHONY: all
all: $(BUILD)/pyleak-bpf

$(BUILD)/pyleak-bpf: $(BUILD)/main.o $(LIBRARY)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(LIBRARY_OBJECTS)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: user/%.c | $(SKELETONS) $(PROFILE).h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BPF_OBJECTS): $(BUILD)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h include/*.h) vmlinux/$(ARCH)/vmlinux.h
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(SKELETONS): $(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp
	mv $@.tmp $@

$(PROFILE).c $(PROFILE).h &: user/export/profile.proto
	@mkdir -p $(@D)
	$(PROTOC_C) --proto_path=$(<D) --c_out=$(@D) $<

# Not our code: nobody wants to hear of it.
$(PROFILE).o: $(PROFILE).c
	$(CC) $(ALL_CFLAGS) -w -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(LIBRARY) $$(pkg-config --cflags --libs cmocka) $(LDLIBS)

# The assembler's .incbin leaves no trace in the .d files.
$(BUILD)/export/flamegraph_assets.o: user/export/flamegraph.js user/export/flamegraph.css
$(BUILD)/agent/page_assets.o: user/agent/page.js user/agent/page.css

-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d)

# The walker of bpf/, as host C under sanitizers.
$(BUILD)/walker/test_walker: tests/walker/test_walker.c bpf/py_walk.h $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(LIBRARY) $$(pkg-config --cflags --libs cmocka) $(LDLIBS)

# Readers of the heap against memory that lies.
FUZZ := $(wildcard tests/fuzz/*.c)
$(BUILD)/fuzz/fuzz_heap: $(FUZZ) $(wildcard tests/fuzz/*.h) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $(FUZZ) $(LIBRARY) $(LDLIBS)

.PHONY: unit
unit: $(UNIT_TESTS) $(BUILD)/walker/test_walker $(BUILD)/fuzz/fuzz_heap

.PHONY: demo
demo:
	tests/needs build
	$(MAKE) all
	tests/demo/run $(BUILD)/pyleak-bpf $(BUILD)/demo.svg

.PHONY: test
test:
	tests/needs test
	tests/run

# What is missing is said in the result; a bench is no test.
.PHONY: bench
bench:
	-tests/needs bench
	$(MAKE) all
	tests/bench/run --pyleak $(BUILD)/pyleak-bpf --output $(BUILD)/bench

.PHONY: bench-host
bench-host: all
	tests/bench/host --pyleak $(BUILD)/pyleak-bpf --output $(BUILD)/bench

# Programs that leak in known ways, and innocent ones: how often the verdicts are right. PYTHONS, ONLY, REQUIRE.
.PHONY: zoo
zoo: all
	tests/zoo/run --pyleak $(BUILD)/pyleak-bpf --output $(BUILD)/zoo

.PHONY: check
check:
	tests/needs test
	tests/check/includes
	$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)
	cppcheck --quiet --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --std=c11 -D_GNU_SOURCE -DPYLEAK_VERSION=\"\" -D__$(shell uname -m)__ \
		'-DLIBBPF_OPTS(type,name,...)=struct type name = {__VA_ARGS__}' -Iinclude -Iuser $(SOURCES)

.PHONY: format
format:
	$(CLANG_FORMAT) -i $(FORMATTED)

.PHONY: install
install: all
	install -D -m 755 $(BUILD)/pyleak-bpf $(DESTDIR)$(PREFIX)/sbin/pyleak-bpf

.PHONY: install-agent
install-agent: UNIT = $(DESTDIR)$(PREFIX)/lib/systemd/system/pyleak-bpf-agent.service
install-agent: install
	install -D -m 644 deploy/systemd/pyleak-bpf-agent.service $(UNIT)
	sed -i 's,^ExecStart=/usr/sbin/,ExecStart=$(PREFIX)/sbin/,' $(UNIT)
	test -e $(DESTDIR)/etc/pyleak-bpf.conf || install -D -m 644 deploy/pyleak-bpf.conf $(DESTDIR)/etc/pyleak-bpf.conf

.PHONY: clean
clean:
	rm -rf build build-debug
