# SPDX-License-Identifier: MIT
# `make help` lists the targets. Everything is built below $(B); the source tree stays as it is.

B ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
# make V=1 shows the commands
Q := $(if $(V),,@)
say = @printf '  %-5s %s\n' '$(1)' '$@'
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr
SYSCONFDIR ?= /etc
LIBDIR ?= $(PREFIX)/lib/$(shell $(CC) -print-multiarch)
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
SECURITYDIR ?= $(LIBDIR)/security
HELPERDIR ?= $(PREFIX)/libexec/pam-credssp

# where the helper looks for cards when the PAM line names no module
PKCS11_PROXY_MODULE ?= $(shell $(PKG_CONFIG) --variable=proxy_module p11-kit-1)

VERSION := 0.1.0
CFLAGS ?= -O2 -g
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
WARN := -Wall -Wextra -Wno-unused-parameter -Wconversion -Wshadow -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wswitch-enum -Wvla \
	-Wframe-larger-than=2047 -Wundef -Wpointer-arith -Wcast-qual
BASE := -std=gnu11 -D_GNU_SOURCE -I. -DCREDSSP_VERSION='"$(VERSION)"' -DPAM_HELPER_PATH='"$(HELPERDIR)/pam-credssp-verify"' \
	-DPKCS11_PROXY_MODULE='"$(PKCS11_PROXY_MODULE)"' -DPAM_MODULE_DIR='"$(SECURITYDIR)"' -DLIBRARY_DIR='"$(LIBDIR)"' $(WARN) -MMD -MP

DAEMON_PKGS := krb5-gssapi krb5 libsystemd libcrypto libseccomp
RDP_PKGS := libssl libcrypto libsystemd krb5 libseccomp
CTL_PKGS := libsystemd krb5-gssapi krb5 libssl libcrypto
PAM_PKGS := dbus-1
PAM_HELPER_PKGS := krb5 libcrypto libseccomp
# of p11-kit only the headers: the helper loads the module that the PAM line names
ALL_PKGS := $(sort $(DAEMON_PKGS) $(RDP_PKGS) $(CTL_PKGS) $(PAM_PKGS) $(PAM_HELPER_PKGS) p11-kit-1 cmocka)
TEST_PKGS := $(filter-out p11-kit-1,$(ALL_PKGS))
# wbclient: its types; the library is loaded when the configuration wants it (credsspd/ntlm-verifier/winbind.c)
CPPLIBS = $(shell $(PKG_CONFIG) --cflags $(ALL_PKGS) wbclient)
libs = $(shell $(PKG_CONFIG) --libs $(1))

# One folder a program; common/ is shared. What main.c of a program is not in, the unit tests link with.
sources = $(filter-out $(1)/main.c,$(wildcard $(1)/*.c $(1)/*/*.c))
COMMON_SRC := $(call sources,common)
DAEMON_SRC := $(call sources,credsspd)
RDP_SRC := $(call sources,credsspd-rdp)
CTL_SRC := $(call sources,credsspctl)
PAM_SRC := $(wildcard pam_credssp/*.c)
PAM_HELPER_SRC := $(call sources,pam_credssp/helper)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
COMMON_OBJ := $(call obj,$(COMMON_SRC))
DAEMON_OBJ := $(call obj,$(DAEMON_SRC))
RDP_OBJ := $(call obj,$(RDP_SRC))
CTL_OBJ := $(call obj,$(CTL_SRC))
PAM_OBJ := $(patsubst %.c,$(B)/pic/%.o,$(PAM_SRC))
PAM_HELPER_OBJ := $(call obj,$(PAM_HELPER_SRC))

PROGRAMS := $(B)/credsspd $(B)/credsspd-rdp $(B)/credsspctl $(B)/pam_credssp.so $(B)/pam-credssp-verify

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))

.PHONY: all help check check-full demo lint install clean unit fuzz bench

all: $(PROGRAMS) ## build everything (default)

help: ## this list
	@awk -F':.*## ' '/^[a-z_.-]+:.*## / {printf "  make %-21s %s\n", $$1, $$2}' Makefile packaging/install.mk tests/tests.mk $(wildcard tests/*/*.mk) | sort

# ---- objects ----
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE) $(HARDEN) $(CFLAGS) $(CPPLIBS) -c -o $@ $<

$(B)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE) $(filter-out -fPIE,$(HARDEN)) -fPIC -fvisibility=hidden $(CFLAGS) $(CPPLIBS) -c -o $@ $<

# ---- archives, for the programs and the unit tests ----
$(B)/common.a: $(COMMON_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/daemon.a: $(DAEMON_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/rdp.a: $(RDP_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/ctl.a: $(CTL_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/pam.a: $(PAM_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/helper.a: $(PAM_HELPER_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

# pam_credssp.so looks for the symbol in the program that has loaded it (common/ipc/account-msg.h)
$(B)/credsspd: $(B)/obj/credsspd/main.o $(B)/daemon.a $(B)/common.a
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LINK) -Wl,--export-dynamic-symbol=credssp_account_question -o $@ $^ $(LDFLAGS) $(call libs,$(DAEMON_PKGS))

$(B)/credsspd-rdp: $(B)/obj/credsspd-rdp/main.o $(B)/rdp.a $(B)/common.a
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $^ $(LDFLAGS) $(call libs,$(RDP_PKGS))

$(B)/credsspctl: $(B)/obj/credsspctl/main.o $(B)/ctl.a $(B)/common.a
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $^ $(LDFLAGS) $(call libs,$(CTL_PKGS))

# nodelete: libdbus leaks when it is unloaded, and the conversation filter must stay callable
$(B)/pam_credssp.so: $(PAM_OBJ) pam_credssp/pam_credssp.syms
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-z,relro,-z,now,-z,nodelete,-z,defs -Wl,--version-script=pam_credssp/pam_credssp.syms \
		-o $@ $(PAM_OBJ) $(LDFLAGS) $(call libs,$(PAM_PKGS)) -lpam

$(B)/pam-credssp-verify: $(B)/obj/pam_credssp/helper/main.o $(B)/helper.a $(B)/common.a
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $^ $(LDFLAGS) $(call libs,$(PAM_HELPER_PKGS))

# ---- unit tests: tests/unit/test_NAME.c is one program, linked with all archives ----
# some drive processes of the real program
ARCHIVES := $(B)/ctl.a $(B)/rdp.a $(B)/pam.a $(B)/helper.a $(B)/daemon.a $(B)/common.a
$(B)/unit/test_%: tests/unit/test_%.c $(B)/unit/one_case.o $(ARCHIVES) | $(B)/credsspd
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE) -Wno-missing-prototypes -Wno-frame-larger-than $(CFLAGS) $(CPPLIBS) -o $@ $< $(B)/unit/one_case.o $(UNIT_OBJ) \
		$(ARCHIVES) $(LDFLAGS) $(UNIT_LINK) $(call libs,$(TEST_PKGS)) -lpam

$(B)/unit/one_case.o: tests/unit/one_case.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(CFLAGS) $(CPPLIBS) -c -o $@ $<

unit: $(UNIT_BIN) ## build and run the unit tests
	tests/prove $(UNIT_BIN)

# for clangd and other tools: the flags with which make compiles
COMPILE_COMMANDS ?= compile_commands.json
in_json = $(subst ",\",$(subst \,\\,$(1)))
comma := ,
# FILE FLAGS OBJECT
compile_command = {"directory": "$(CURDIR)", "file": "$(1)", "output": "$(3)", "command": "$(call \
	in_json,$(CC) $(filter-out -MMD -MP,$(BASE)) $(2) $(CFLAGS) $(CPP_ONCE) -c -o $(3) $(1))"}
compile_commands = $(foreach f,$(1),$(file >>$(COMPILE_COMMANDS).new,$(call compile_command,$(f),$(2),$(patsubst %.c,$(B)/$(3)/%.o,$(f)))$(comma)))

.PHONY: compile_commands.json
compile_commands.json: ## how make compiles each source, for clangd and other tools
	$(eval CPP_ONCE := $(CPPLIBS))$(file >$(COMPILE_COMMANDS).new,[)
	$(call compile_commands,$(filter-out $(PAM_SRC),$(sort $(shell find common credsspctl credsspd credsspd-rdp pam_credssp -name '*.c'))),$(HARDEN),obj)
	$(call compile_commands,$(PAM_SRC),$(filter-out -fPIE,$(HARDEN)) -fPIC -fvisibility=hidden,pic)
	$(call compile_commands,$(UNIT_SRC) examples/acceptor-client.c,-Wno-missing-prototypes,obj)
	$(Q)sed '$$s/,$$//' $(COMPILE_COMMANDS).new >$(COMPILE_COMMANDS) && echo ']' >>$(COMPILE_COMMANDS) && rm $(COMPILE_COMMANDS).new

include packaging/install.mk
-include tests/tests.mk

clean: ## remove what was built
	rm -rf $(B)

-include $(shell find $(B)/obj $(B)/pic $(B)/unit -name '*.d' -type f 2>/dev/null)
