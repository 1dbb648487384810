# SPDX-License-Identifier: MIT
# make fuzz: libFuzzer over every reader of hostile octets, FUZZ_SECONDS each (FUZZ=NAME: only that one; FUZZ_SEED=N). The corpus starts
# with the seeds and is kept in $(B)/fuzz/corpus; what crashes is left in $(B)/fuzz as NAME-crash-*. tests/unit/test_fuzz.c
# gives the seeds and what is near to them to the same targets in every make check.

FUZZ_SECONDS ?= 60
# the same seed, the same run, as far as the machine is as fast; it is in the log
FUZZ_SEED ?= $(shell date +%s)
FUZZ_CC ?= clang
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))
FUZZ_CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_OBJ := $(patsubst %.c,$(B)/fuzz/obj/%.o,$(COMMON_SRC) $(DAEMON_SRC) $(RDP_SRC) $(PAM_HELPER_SRC) tests/fuzz/faults.c)

# Functions that may fail after a seed: tests/fuzz/faults.h.
FAULTS := malloc calloc realloc strdup free mmap munmap vasprintf EVP_MD_CTX_new EVP_DigestInit_ex EVP_DigestFinal_ex \
	EVP_MAC_CTX_new EVP_CIPHER_CTX_new EVP_EncryptUpdate \
	gss_accept_sec_context gss_unwrap gss_wrap gss_wrap_iov gss_display_name gss_get_mic gss_verify_mic \
	krb5_copy_principal krb5_copy_keyblock_contents krb5_kt_resolve krb5_kt_add_entry krb5_kt_start_seq_get \
	krb5_auth_con_init krb5_rd_cred
FAULTS_LINK := $(FAULTS:%=-Wl,--wrap=%)

$(B)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(FUZZ_CC) $(BASE) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link $(CPPLIBS) -c -o $@ $<

$(B)/fuzz/fuzz.a: $(FUZZ_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(B)/fuzz/fuzz.a
	$(call say,LD)
	$(Q)$(FUZZ_CC) $(BASE) -Wno-frame-larger-than $(FUZZ_CFLAGS) -fsanitize=fuzzer $(CPPLIBS) -o $@ $< $(B)/fuzz/fuzz.a $(FAULTS_LINK) \
		$(call libs,$(TEST_PKGS))

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
	@echo "fuzz $*: $(FUZZ_SECONDS) s, seed $(FUZZ_SEED), $(B)/fuzz/$*.log"
	@FUZZ_TMPDIR=$(abspath $(B)/fuzz) $< -seed=$(FUZZ_SEED) -dict=tests/fuzz/fuzz.dict -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=$(or $(FUZZ_MB_$*),1024) -max_len=70000 -print_final_stats=1 \
		-artifact_prefix=$(B)/fuzz/$*- $(B)/fuzz/corpus/$* >$(B)/fuzz/$*.log 2>&1 || \
		{ tail -n 40 $(B)/fuzz/$*.log; echo "FAILED: fuzz $*"; exit 1; }
	@rm -f $(B)/fuzz/fuzz-config.*
	@grep -E 'number_of_executed_units|new_units_added|DONE' $(B)/fuzz/$*.log | tail -n 3

fuzz: $(addprefix fuzz-run-,$(FUZZ)) ## fuzz every reader of hostile octets, FUZZ_SECONDS=60 each (needs clang)

# ---- the targets that work with libraries, in a unit test ----
DEEP_OBJ := $(patsubst %,$(B)/unit/fuzz/fuzz_%.o,channel config exchange guard record) $(B)/unit/fuzz/faults.o

$(B)/unit/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE) -Wno-missing-prototypes -Wno-frame-larger-than -DLLVMFuzzerTestOneInput=$* $(CFLAGS) $(CPPLIBS) -c -o $@ $<

$(B)/unit/test_fuzz_deep: $(DEEP_OBJ)
$(B)/unit/test_fuzz_deep: private UNIT_OBJ := $(DEEP_OBJ)
$(B)/unit/test_fuzz_deep: private UNIT_LINK := $(FAULTS_LINK)

# ---- coverage ----
.PHONY: fuzz-coverage fuzz-coverage-update
fuzz-coverage: ## lines that the corpus of the fuzz targets reaches, compared with tests/fuzz/coverage.txt
fuzz-coverage fuzz-coverage-update:
	@$(MAKE) --no-print-directory B=$(B)/coverage CFLAGS='-O0 -g --coverage -Wno-frame-larger-than' LDFLAGS='$(LDFLAGS) --coverage' \
		$(B)/coverage/unit/test_fuzz $(B)/coverage/unit/test_fuzz_deep
	@tests/fuzz/coverage $(B)/coverage $(if $(filter %-update,$@),--update)

-include $(wildcard $(B)/fuzz/*.d)
-include $(shell find $(B)/fuzz/obj -name '*.d' -type f 2>/dev/null)
-include $(wildcard $(B)/unit/fuzz/*.d)
