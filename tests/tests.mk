# SPDX-License-Identifier: MIT
# Included by the top Makefile: everything that needs more than the compiler.

TEST_PROGRAMS := $(B)/loginstack $(B)/librdpear-client.so $(B)/acceptor-client $(B)/clock.so $(B)/datapath

include $(wildcard tests/*/*.mk)

.PHONY: deps test-programs root check-sanitize check-valgrind valgrind-run

$(B)/loginstack: tests/lib/loginstack.c
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDEN) $(CFLAGS) -pie -o $@ $< $(LDFLAGS) -lpam

# the example of docs/integrating.md
$(B)/acceptor-client: examples/acceptor-client.c
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDEN) $(CFLAGS) -Werror $(CPPLIBS) -pie -o $@ $< $(LDFLAGS) $(call libs,libsystemd libssl libcrypto) -lpam

$(B)/librdpear-client.so: tests/lib/rdpear.c
	@mkdir -p $(@D)
	$(CC) $(BASE) -fPIC -shared $(CFLAGS) -o $@ $< $(LDFLAGS)

$(B)/clock.so: tests/lib/clock.c
	@mkdir -p $(@D)
	$(CC) $(BASE) -fPIC -shared $(CFLAGS) -o $@ $< $(LDFLAGS)

test-programs: $(TEST_PROGRAMS)

deps: ## install what the build needs (packages, no services; needs root)
	tests/lib/deps

root: ## make the private root of tests/bed (otherwise made when first used)
	tests/lib/root >/dev/null

# The compiler and libraries may be missing before deps has run, and make has already expanded pkg-config's answers by
# then: hence a make of its own.
demo: ## log on to an unmodified xrdp over NLA with a real client; build/demo.png shows the desktop; RELEASE=trixie or bookworm: in a root of that release (needs root)
	$(if $(RELEASE),,tests/lib/deps host)
	$(call in_release,demo)

.PHONY: demo-build demo-run
demo-build: root all test-programs
demo-run:
	BED_BUILD=$(abspath $(B)) tests/demo

# Every program of these directories is a test; slow ones name themselves so. TESTS names some instead (peers/kinds, unit/test_vault,
# 'hostile/*'), CASE one case of them: see tests/prove.
SLOW = %.slow %.md %.py %.sh %.c %.mk
CHECKS = $(UNIT_BIN) $(wildcard tests/pam/[a-z]*) $(wildcard tests/peers/[a-z]*) $(wildcard tests/hostile/[a-z]*) \
	$(wildcard tests/packaging/[a-z]*) $(wildcard tests/system/[a-z]*)
# what differs between releases: libraries (unit), libpam and its modules, xrdp, the clients, Samba, systemd, and what check says of them
CORE = $(UNIT_BIN) tests/pam/run $(addprefix tests/system/,boot packages) \
	$(addprefix tests/peers/,desktop clients kinds check ad u2u refusals secrets) $(wildcard tests/hostile/[a-z]*)
named = $(foreach t,$(TESTS),$(if $(filter unit/%,$t),$(B)/$t,$(or $(wildcard tests/$t),tests/$t)))
# $(1): the programs when TESTS names none
tests = $(if $(TESTS),$(named),$(filter-out $(SLOW),$(1)))
# The programs that take longest start first: the last programs of a run are short, and no CPU is idle at its end. In measured order.
LONGEST = $(addprefix tests/,system/boot peers/ad peers/kinds packaging/nowipe peers/farm peers/load peers/ad-sssd pam/card peers/abuse \
	peers/ad-computers peers/password peers/reload peers/refusals peers/rotation peers/check-ad peers/troubleshooting peers/secrets \
	hostile/tsrequest hostile/faults peers/outage peers/u2u peers/check peers/clients peers/sandbox peers/bed)
longest_first = $(filter $(1),$(LONGEST)) $(filter-out $(LONGEST),$(filter tests/%,$(1))) $(filter-out tests/%,$(1))
# $(1): programs
prove = BED_BUILD=$(abspath $(B)) tests/prove $(if $(V),-v) $(if $(CASE),-c '$(CASE)') $(if $(filter %.slow,$(1)),-t 3600) \
	$(call longest_first,$(1))
# the root and the packages are made before the tests, whose time is limited; the compiler works while the root is made
needs = $(if $(filter tests/system/% tests/peers/% tests/pam/% tests/hostile/%,$(1)),root) $(if $(filter tests/system/%,$(1)),test-debs) \
	all test-programs $(filter $(B)/unit/%,$(1))

# RELEASE=bookworm or trixie: the same in a root of that release, with programs and package layers of its own (tests/lib/release)
ifdef RELEASE
# $(2): not empty: only what the tests need, without the tests
in_release = env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL tests/lib/release $(RELEASE) \
	sh -c 'make --no-print-directory -j"$$(nproc)" B="$$BED_BUILD" $(1)-build$(if $(2),, && exec make --no-print-directory B="$$BED_BUILD" $(1)-run)'
else
in_release = $(MAKE) --no-print-directory -j"$$(nproc)" $(1)-build$(if $(2),, && $(MAKE) --no-print-directory $(1)-run)
check check-core check-full core-ready: deps
endif

check: ## all tests but the slow ones (about 20 minutes on two idle CPUs), or TESTS=peers/kinds CASE=smart_cards; RELEASE=trixie or bookworm: in a root of that release (needs root)
	$(call in_release,check)

check-core: ## the tests that see most of a release; RELEASE as above (needs root)
	$(call in_release,check-core)

core-ready: ## make what check-core needs, without the tests; RELEASE as above (needs root)
	$(call in_release,check-core,only)

check-full: ## every test there is, without a limit of time; RELEASE as above (needs root)
	$(call in_release,check-full)

.PHONY: check-core core-ready check-system test-debs $(foreach t,check check-core check-full,$t-build $t-run)
test-debs: root
	@mkdir -p $(B)
	BED_BUILD=$(abspath $(B)) tests/lib/debs >$(B)/debs.log 2>&1 || { tail -n 40 $(B)/debs.log; exit 1; }

# what is built, on all CPUs; the tests themselves have no jobserver
check-build: $(call needs,$(call tests,$(CHECKS)))
check-core-build: $(call needs,$(call tests,$(CORE)))
check-full-build: all test-programs $(UNIT_BIN) test-debs

check-run:
	$(if $(TESTS),,BED_BUILD=$(abspath $(B)) tests/lib/versions)
	$(call prove,$(call tests,$(CHECKS)))

check-core-run:
	$(if $(TESTS),,BED_BUILD=$(abspath $(B)) tests/lib/versions)
	$(call prove,$(call tests,$(CORE)))

check-full-run: check-sanitize check-valgrind sanitized-run
	$(if $(TESTS),,BED_BUILD=$(abspath $(B)) tests/lib/versions)
	$(call prove,$(filter-out $(filter-out %.slow,$(SLOW)),$(CHECKS)))

check-system: deps test-debs ## the Debian packages on a booted system (needs root)
	$(call prove,$(wildcard tests/system/[a-z]*))

# A unit test says at its head why it is not run with the sanitizers, or under valgrind: `Not with sanitizers: REASON`.
not_with = $(shell grep -lE '^(/\*| \*) Not $(1): ' $(UNIT_SRC))
NOT_SANITIZED = $(call not_with,with sanitizers)
NOT_VALGRIND = $(call not_with,(with sanitizers|under valgrind))

SANITIZERS = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

check-sanitize: deps ## the unit tests once more with gcc's address, leak and undefined behaviour sanitizers
	$(MAKE) --no-print-directory B=$(B)/sanitize UNIT_SRC='$(filter-out $(NOT_SANITIZED),$(UNIT_SRC))' \
		CFLAGS='$(SANITIZERS)' unit

# The programs of the suites with them. What is for tests only is linked into the programs, not into the modules, which are loaded
# into one of them.
SANITIZED_DIR = $(B)/sanitized
SANITIZED_PROGRAMS = $(addprefix $(B)/,credsspd credsspd-rdp credsspctl pam-credssp-verify loginstack pamrun vaultd)
SANITIZED_MODULES = $(B)/pam_credssp.so $(B)/pam_probe.so
ifdef SANITIZED
$(SANITIZED_PROGRAMS): $(B)/sanitizer.o
# the others link all that they are made of
$(B)/loginstack $(B)/pamrun $(B)/vaultd: LDFLAGS += $(B)/sanitizer.o
# the runtime's crypt() calls the one that was there when it started; pam_unix would bring its library later
$(B)/loginstack $(B)/pamrun: LDFLAGS += -Wl,--no-as-needed -lcrypt
# SSSD loads it as well
$(B)/pkcs11double.so: override CFLAGS := -O1 -g
endif

$(B)/sanitizer.o: tests/lib/sanitizer.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -fPIE -O1 -g -c -o $@ $<

# tests/sanitized/reports builds these, and no other target does. -u: a weak reference takes nothing out of an archive.
buggy = $(B)/bug.o $(foreach f,$(1),-Wl,--wrap=$(f),-u,$(f))
ifdef SANITIZER_BUGS
$(B)/credsspd: LDFLAGS += $(call buggy,conversation_take worker_main store_find identity_answer vault_put)
$(B)/credsspd-rdp: LDFLAGS += $(call buggy,client_info_rewrite)
$(B)/pam_credssp.so: LDFLAGS += $(call buggy,bus_redeem)
$(B)/pam-credssp-verify: LDFLAGS += $(call buggy,helper_restrain privileges_for_tickets)
$(PROGRAMS): | $(B)/bug.o
endif

$(B)/bug.o: tests/sanitized/bug.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -fPIC $(CFLAGS) -c -o $@ $<

.PHONY: check-sanitize-suites sanitized-programs sanitized-run
# frames have red zones
sanitized-programs:
	$(MAKE) --no-print-directory B=$(SANITIZED_DIR) SANITIZED=1 CFLAGS='$(SANITIZERS) -Wno-frame-larger-than' sanitized-all
sanitized-all: $(PROGRAMS) $(SANITIZED_PROGRAMS) $(SANITIZED_MODULES) $(B)/pkcs11double.so

check-sanitize-suites: deps ## tests/pam and tests/hostile with programs that have the same sanitizers (needs root)
	$(MAKE) --no-print-directory sanitized-run

# SANITIZED_SUITES: directories of tests
SANITIZED_SUITES = pam hostile sanitized
sanitized-run: sanitized-programs
	$(subst $(abspath $(B)),$(abspath $(SANITIZED_DIR)),$(call prove,$(filter-out $(SLOW),$(foreach d,$(SANITIZED_SUITES),\
		$(wildcard tests/$(d)/[a-z]*)))))

check-valgrind: deps ## the unit tests under valgrind
	$(MAKE) --no-print-directory B=$(B)/valgrind UNIT_SRC='$(filter-out $(NOT_VALGRIND),$(UNIT_SRC))' CFLAGS='-O1 -g' \
		valgrind-run

valgrind-run: $(UNIT_BIN)
	TEST_UNDER='valgrind -q --error-exitcode=99 --trace-children=no' tests/prove -j "$$(nproc)" -t 600 $(UNIT_BIN)

.PHONY: lint-full
lint: deps ## formatting, layers, static analysis, the unit tests with sanitizers
	tests/lib/lint

lint-full: deps ## the same, coverage of the fuzz targets, the unit tests under valgrind, tests/pam and tests/hostile with sanitizers
	LINT_FULL=1 tests/lib/lint

.PHONY: tidy-flags
tidy-flags:
	@printf '%s ' $(foreach f,$(filter-out -W% -MMD -MP,$(BASE)) $(CPPLIBS),'$(subst ','\'',$(f))')
