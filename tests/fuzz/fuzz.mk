# SPDX-License-Identifier: MIT
# make fuzz: libFuzzer over every reader of hostile octets, FUZZ_SECONDS each (FUZZ=NAME: only that one). The corpus starts
# with the seeds and is kept in $(B)/fuzz/corpus; what crashes is left in $(B)/fuzz as NAME-crash-*. tests/unit/test_fuzz.c
# gives the seeds and what is near to them to the same targets in every make check.

FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))
FUZZ_CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
# what is pure: no GSSAPI, no OpenSSL
FUZZ_OBJ := $(patsubst %.c,$(B)/fuzz/obj/%.o,$(filter-out credsspd/wire/binding.c,$(wildcard credsspd/wire/*.c)) \
	$(addprefix credsspd/,auth/delegation.c rdp/x224.c rdp/mcs.c rdp/clientinfo.c rdp/proxy.c))

$(B)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(FUZZ_CC) $(BASE) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link $(CPPLIBS) -c -o $@ $<

$(B)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJ)
	$(call say,LD)
	$(Q)$(FUZZ_CC) $(BASE) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(CPPLIBS) -o $@ $(filter %.c %.o,$^)

$(B)/fuzz/make_seeds: tests/fuzz/make_seeds.c tests/fuzz/seeds.c
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(FUZZ_CC) $(BASE) $(FUZZ_CFLAGS) -o $@ $(filter %.c %.o,$^)

# make takes them for intermediate files
.SECONDARY: $(FUZZ_OBJ)

.PHONY: fuzz-seeds $(addprefix fuzz-run-,$(FUZZ))
fuzz-seeds: $(B)/fuzz/make_seeds
	@$< $(B)/fuzz/corpus

# -timeout: a single input that takes seconds is a defect too
$(addprefix fuzz-run-,$(FUZZ)): fuzz-run-%: $(B)/fuzz/fuzz_% fuzz-seeds
	@echo "fuzz $*: $(FUZZ_SECONDS) s, $(B)/fuzz/$*.log"
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=1024 -max_len=70000 -print_final_stats=1 \
		-artifact_prefix=$(B)/fuzz/$*- $(B)/fuzz/corpus/$* >$(B)/fuzz/$*.log 2>&1 || \
		{ tail -n 40 $(B)/fuzz/$*.log; echo "FAILED: fuzz $*"; exit 1; }
	@grep -E 'number_of_executed_units|new_units_added|DONE' $(B)/fuzz/$*.log | tail -n 3

fuzz: $(addprefix fuzz-run-,$(FUZZ)) ## fuzz every reader of hostile octets, FUZZ_SECONDS=60 each (needs clang)

-include $(wildcard $(B)/fuzz/*.d)
-include $(shell find $(B)/fuzz/obj -name '*.d' -type f 2>/dev/null)
